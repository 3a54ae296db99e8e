// Lists of key=value.

/** "KEY=value", or "KEY" for "" as its value; the value may have more "=" in it. */
export function keyValue(text: string): [key: string, value: string] {
  const [key, value = ""] = text.split(/=(.*)/s, 2);
  return [key, value];
}

/** Of several with the same key the last counts. */
export function keyValues(texts: string[]): Record<string, string> {
  return Object.fromEntries(texts.map(keyValue));
}
