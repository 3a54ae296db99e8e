/** Compares two names as docker sorts its lists: digits count by their value, so "v2" comes before "v10". */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.match(/\d+|\D/g) ?? []);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareParts(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0);
}

function compareParts(a: string, b: string): number {
  const numbers = [a, b].map((part) => /^\d/.test(part));
  if (!numbers[0] || !numbers[1]) return a < b ? -1 : a > b ? 1 : 0;
  // Compares lengths first, because names such as IDs have more digits than a number holds.
  const [left, right] = [a, b].map((part) => part.replace(/^0+/, ""));
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}
