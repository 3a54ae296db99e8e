const MIN_WIDTH = 10;
const PADDING = 3;

/** Width in terminal cells as Go's tabwriter counts it: one per code point. */
function cellWidth(text: string): number {
  let width = 0;
  for (const _ of text) width++;
  return width;
}

/**
 * Aligns tab-separated cells as docker's lists do (Go's text/tabwriter with minwidth 10, padding 3, spaces).
 * A column extends over consecutive lines that have it, and is as wide as its widest cell. The last cell of a
 * line belongs to no column, so it is not padded; an empty last cell leaves the padding of the one before it.
 */
export function alignTabs(text: string, minWidth = MIN_WIDTH): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const padded = lines.map((cells) => [...cells]);
  const columns = Math.max(...lines.map((cells) => cells.length)) - 1;
  for (let column = 0; column < columns; column++) {
    for (let start = 0; start < lines.length; start++) {
      let end = start;
      let width = minWidth;
      for (; end < lines.length && lines[end].length - 1 > column; end++) {
        width = Math.max(width, cellWidth(lines[end][column]) + PADDING);
      }
      for (let i = start; i < end; i++) {
        padded[i][column] += " ".repeat(width - cellWidth(lines[i][column]));
      }
      start = end;
    }
  }
  return padded.map((cells) => cells.join("")).join("\n");
}

/** A header and its rows in docker's list layout, one line each, with a final newline. */
export function table(header: string[], rows: string[][]): string {
  return alignTabs([header, ...rows].map((cells) => cells.join("\t") + "\n").join(""));
}
