// How many cells text takes that is not ASCII: loaded only where there is such text.

import { eastAsianWidth } from "get-east-asian-width";
import stringWidth from "string-width";

/**
 * As docker counts: two cells for what is wide in East Asia, or has full width there, and one for all else.
 */
export function dockerWidth(text: string): number {
  let cells = 0;
  for (const character of text) cells += eastAsianWidth(character.codePointAt(0)!);
  return cells;
}

/** As a terminal shows it: what combines with others takes no cell, an emoji of several characters two. */
export function seenWidth(text: string): number {
  return stringWidth(text);
}
