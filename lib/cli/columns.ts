// Columns and cut texts of lists on stdout, whatever scripts they are written in.

import { ellipsis } from "../base/human.ts";
import { alignTabs } from "../template/table.ts";

// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Lines up tab-separated cells, as alignTabs does: on a terminal by what is seen there, elsewhere as docker
 * counts, so that a script finds docker's bytes.
 */
export async function columns(text: string, minWidth?: number): Promise<string> {
  if (ASCII.test(text)) return alignTabs(text, { minWidth });
  const { dockerWidth, seenWidth } = await import("./width.ts");
  return alignTabs(text, { minWidth, widthOf: Deno.stdout.isTerminal() ? seenWidth : dockerWidth });
}

/** A header and its rows in docker's list layout, one line each, newline at the end. */
export async function table(header: string[], rows: string[][]): Promise<string> {
  return await columns([header, ...rows].map((cells) => cells.join("\t") + "\n").join(""));
}

/** Cuts a text to a number of cells (ellipsis). */
export type Cutter = (text: string, max: number) => string;

/** A cutter for these texts, which counts as docker does, on a terminal, too. */
export async function cutter(texts: string[]): Promise<Cutter> {
  if (texts.every((text) => ASCII.test(text))) return ellipsis;
  const { dockerWidth } = await import("./width.ts");
  return (text, max) => ellipsis(text, max, dockerWidth);
}
