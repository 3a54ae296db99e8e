// A command line, written in a test as it is typed in a shell.

/** A value in a line: a word, or a part of one, whatever it contains. A list is as many words. */
export type Value = string | number | readonly string[];

/** What a shell takes for something else than a part of a word, outside of quotes and in double ones. */
const SPECIAL = { bare: /[|&;<>()$*?`\\]/, double: /[$`\\]/ };

/**
 * The arguments of a line: words`run --name ${name} busybox sh -c 'echo "$HOME"'`.
 *
 * White space, also ends of lines, separates words. '…' and "…" group them; what is in '…' is taken as it
 * is; adjoining parts are one word, and '' is an empty one. A value is never taken apart, neither in quotes
 * nor outside; a list stands alone and is as many words as it has, maybe none. There are no variables,
 * patterns or escapes: what a shell would take for one has to stand in '…', or is a mistake. JavaScript's own
 * \` and \${ stand for ` and ${.
 */
export function words(line: TemplateStringsArray, ...values: Value[]): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  const mistake = (what: string) => new Error(`${what}: ${line.raw.join("${…}")}`);
  const end = () => {
    if (word !== undefined) found.push(word);
    word = undefined;
  };
  for (const [index, raw] of line.raw.entries()) {
    for (const char of raw.replaceAll(/\\(`|\$\{)/g, "$1")) {
      if (quote === "" && (char === "'" || char === '"')) [quote, word] = [char, word ?? ""];
      else if (char === quote) quote = "";
      else if (quote === "" && /\s/.test(char)) end();
      else if (quote !== "'" && SPECIAL[quote === "" ? "bare" : "double"].test(char)) {
        throw mistake(`${char} outside of '…'`);
      } else word = (word ?? "") + char;
    }
    if (index === values.length) break;
    const value = values[index];
    if (typeof value === "object") {
      const alone = quote === "" && word === undefined && /^(\s|$)/.test(line.raw[index + 1]);
      if (!alone) throw mistake("a list in a word");
      found.push(...value);
    } else word = (word ?? "") + value;
  }
  if (quote !== "") throw mistake(`no end of ${quote}`);
  end();
  return found;
}

/** What takes a line takes a list of arguments too, for lines that a program puts together. */
export type Line = [line: TemplateStringsArray, ...values: Value[]];

/** Whether a call's arguments are those of a template, and not a list of words and options. */
export function isLine(args: Line | [string[], ...unknown[]]): args is Line {
  return "raw" in args[0];
}
