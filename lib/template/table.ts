import { countCharacters } from "../base/human.ts";

const MIN_WIDTH = 10;
const PADDING = 3;

/**
 * Aligns tab-separated cells as docker's lists do (its tabwriter with minwidth 10, padding 3, spaces). A
 * column extends over consecutive lines that have it, and is as wide as its widest cell. The last cell of a
 * line belongs to no column, so it is not padded; an empty last cell leaves the padding of the one before it.
 * `widthOf` says how many cells of a terminal a text takes.
 */
export function alignTabs(text: string, { minWidth = MIN_WIDTH, widthOf = countCharacters } = {}): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const padded = lines.map((cells) => [...cells]);
  const widths = lines.map((cells) => cells.map((cell) => widthOf(cell)));
  const columns = Math.max(...lines.map((cells) => cells.length)) - 1;
  for (let column = 0; column < columns; column++) {
    for (let start = 0; start < lines.length; start++) {
      let end = start;
      let width = minWidth;
      for (; end < lines.length && lines[end].length - 1 > column; end++) {
        width = Math.max(width, widths[end][column] + PADDING);
      }
      for (let i = start; i < end; i++) {
        padded[i][column] += " ".repeat(width - widths[i][column]);
      }
      start = end;
    }
  }
  return padded.map((cells) => cells.join("")).join("\n");
}
