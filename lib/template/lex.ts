export type TokenType =
  | ("text" | "open" | "close" | "eof" | "error")
  | ("field" | "variable" | "word" | "keyword" | "dot" | "nil" | "bool" | "number" | "string" | "char")
  | ("space" | "pipe" | "declare" | "assign" | "comma" | "(" | ")" | "other");

/** A piece of template source; `text` is the source itself, or the message of an "error". */
export interface Token {
  type: TokenType;
  text: string;
  /** Index of the first character in the source. */
  pos: number;
}

const KEYWORDS = new Set(["if", "else", "end", "range", "with", "define", "template", "block"]);

// The order matters: a number may start with a dot or sign, a field with a dot.
const PATTERNS: [TokenType, RegExp][] = [
  ["space", /[ \t\r\n]+/y],
  ["declare", /:=/y],
  ["assign", /=/y],
  ["pipe", /\|/y],
  ["comma", /,/y],
  ["(", /\(/y],
  [")", /\)/y],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`/y],
  ["char", /'(?:[^'\\\n]|\\[^\n])*'/y],
  [
    "number",
    /[+-]?(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y,
  ],
  ["field", /\.[\p{L}\p{Nd}_]+/yu],
  ["variable", /\$[\p{L}\p{Nd}_]*/yu],
  ["dot", /\./y],
  ["word", /[\p{L}_][\p{L}\p{Nd}_]*/yu],
  ["other", /[\x21-\x7e]/y],
];

/**
 * Splits a template into tokens by the rules of Go's text/template (package documentation, "Text and spaces"
 * and "Arguments"). A lexical error becomes a final "error" token, so that errors before it are reported
 * first.
 */
export function lexTemplate(source: string): Token[] {
  const tokens: Token[] = [];
  let pos = 0;
  let trimNext = false;
  while (pos < source.length) {
    const open = source.indexOf("{{", pos);
    const end = open < 0 ? source.length : open;
    const trims = open >= 0 && /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4));
    pushText(tokens, source.slice(pos, end), pos, trimNext, trims);
    if (open < 0) break;
    const inside = open + (trims ? 4 : 2);
    const comment = /^[ \t\r\n]*\/\*/.test(source.slice(inside));
    if (!comment) tokens.push({ type: "open", text: "{{", pos: open });
    const closed = comment ? skipComment(tokens, source, inside) : lexAction(tokens, source, inside);
    if (!closed) return tokens;
    [pos, trimNext] = closed;
  }
  tokens.push({ type: "eof", text: "", pos: source.length });
  return tokens;
}

function pushText(tokens: Token[], text: string, pos: number, trimStart: boolean, trimEnd: boolean): void {
  let kept = trimStart ? text.replace(/^[ \t\r\n]+/, "") : text;
  if (trimEnd) kept = kept.replace(/[ \t\r\n]+$/, "");
  if (kept !== "") tokens.push({ type: "text", text: kept, pos });
}

type Closed = [end: number, trimNext: boolean] | undefined;

function error(tokens: Token[], pos: number, text: string): undefined {
  tokens.push({ type: "error", text, pos });
}

function closing(source: string, pos: number): Closed {
  if (source.startsWith("}}", pos)) return [pos + 2, false];
  return /^[ \t\r\n]-}}/.test(source.slice(pos, pos + 4)) ? [pos + 4, true] : undefined;
}

function skipComment(tokens: Token[], source: string, pos: number): Closed {
  const end = source.indexOf("*/", pos);
  if (end < 0) return error(tokens, pos, "unclosed comment");
  return closing(source, end + 2) ?? error(tokens, pos, "comment ends before closing delimiter");
}

function lexAction(tokens: Token[], source: string, start: number): Closed {
  let pos = start;
  let depth = 0;
  while (pos < source.length) {
    const closed = closing(source, pos);
    if (closed && depth > 0) return error(tokens, pos, "unclosed left paren");
    if (closed) {
      tokens.push({ type: "close", text: "}}", pos });
      return closed;
    }
    const token = nextToken(source, pos);
    if (token.type === "(") depth++;
    if (token.type === ")") depth--;
    tokens.push(token);
    if (token.type === "error") return undefined;
    pos += token.text.length;
  }
  return error(tokens, pos, "unclosed action");
}

function nextToken(source: string, pos: number): Token {
  for (const [type, pattern] of PATTERNS) {
    pattern.lastIndex = pos;
    const text = pattern.exec(source)?.[0];
    if (text === undefined || (type === "other" && `"'\``.includes(text))) continue;
    const problem = ["number", "field", "variable", "word"].includes(type) && badEnd(source, pos, text, type);
    if (problem) return { type: "error", text: problem, pos };
    return { type: type === "word" ? wordType(text) : type, text, pos };
  }
  return { type: "error", text: unreadable(source, pos), pos };
}

function wordType(word: string): TokenType {
  if (KEYWORDS.has(word)) return "keyword";
  if (word === "nil") return "nil";
  return word === "true" || word === "false" ? "bool" : "word";
}

/**
 * Says what is wrong with the character after a name or number. Go requires a separator there, to keep "$x+2"
 * free.
 */
function badEnd(source: string, pos: number, text: string, type: TokenType): string | undefined {
  const rest = source.slice(pos + text.length);
  if (type === "number") {
    return /^[\p{L}\p{Nd}_]/u.test(rest) ? `bad number syntax: "${text}${rest[0]}"` : undefined;
  }
  if (rest === "" || /^(?:[ \t\r\n.,|:()]|\}\})/.test(rest)) return undefined;
  return `bad character ${codePoint(rest)}`;
}

function unreadable(source: string, pos: number): string {
  if (source[pos] === '"') return "unterminated quoted string";
  if (source[pos] === "`") return "unterminated raw quoted string";
  if (source[pos] === "'") return "unterminated character constant";
  return `unrecognized character in action: ${codePoint(source.slice(pos))}`;
}

function codePoint(text: string): string {
  const code = text.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  return `U+${hex}` + (code >= 0x20 && code !== 0x7f ? ` '${String.fromCodePoint(code)}'` : "");
}
