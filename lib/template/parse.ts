import { Failure } from "../base/error.ts";
import { goQuote, goUnquote } from "./go_text.ts";
import { lexTemplate, type Token, type TokenType } from "./lex.ts";

/** An operand. `pos` and `source` are for error messages. */
export type Operand =
  & { pos: number; source: string }
  & (
    | { kind: "dot" }
    | { kind: "nil" }
    | { kind: "literal"; value: string | number | boolean }
    | { kind: "variable"; name: string }
    | { kind: "function"; name: string }
    | { kind: "field"; base?: Operand; names: string[] }
    | { kind: "pipe"; pipe: Pipe }
  );

/** An operand, or a function with its arguments. */
export interface Command {
  operands: Operand[];
  source: string;
}

/** Commands, each of which gets the value of the one before it, and variables for the last value. */
export interface Pipe {
  variables: string[];
  assign: boolean;
  commands: Command[];
}

export type Node =
  | { kind: "text"; text: string }
  | { kind: "action"; pipe: Pipe }
  | { kind: "if" | "range" | "with"; pipe: Pipe; body: Node[]; otherwise: Node[] };

interface Parser {
  source: string;
  tokens: Token[];
  at: number;
  variables: string[];
  isFunction: (name: string) => boolean;
}

/**
 * Parses a text/template into its nodes. Throws a Failure with docker's and Go's text (`template parsing
 * error: template: :LINE: …`, kind "template").
 */
export function parseTemplate(source: string, isFunction: (name: string) => boolean): Node[] {
  const parser: Parser = { source, tokens: lexTemplate(source), at: 0, variables: ["$"], isFunction };
  const { nodes, end } = parseList(parser);
  if (end !== "eof") fail(parser, `unexpected {{${end}}}`);
  return nodes;
}

function fail(parser: Parser, problem: string): never {
  const { pos } = parser.tokens[Math.max(0, parser.at - 1)] ?? { pos: 0 };
  const line = parser.source.slice(0, pos).split("\n").length;
  throw new Failure(`template parsing error: template: :${line}: ${problem}`, { kind: "template" });
}

function unexpected(parser: Parser, token: Token, context: string): never {
  if (token.type === "error") return fail(parser, token.text);
  if (token.type === "eof") return fail(parser, "unexpected EOF");
  if (["keyword", "dot", "nil"].includes(token.type)) {
    return fail(parser, `unexpected <${token.text}> in ${context}`);
  }
  const shown = token.text.length > 10 ? goQuote(token.text.slice(0, 10)) + "..." : goQuote(token.text);
  return fail(parser, `unexpected ${shown} in ${context}`);
}

function next(parser: Parser): Token {
  return parser.tokens[parser.at++];
}

function peekSolid(parser: Parser): Token {
  while (parser.tokens[parser.at].type === "space") parser.at++;
  return parser.tokens[parser.at];
}

function nextSolid(parser: Parser): Token {
  peekSolid(parser);
  return next(parser);
}

type ListEnd = "eof" | "end" | "else";

function parseList(parser: Parser): { nodes: Node[]; end: ListEnd } {
  const nodes: Node[] = [];
  for (;;) {
    const token = next(parser);
    if (token.type === "eof") return { nodes, end: "eof" };
    if (token.type === "text") {
      nodes.push({ kind: "text", text: token.text });
      continue;
    }
    if (token.type !== "open") unexpected(parser, token, "input");
    const first = peekSolid(parser);
    if (first.type !== "keyword") {
      nodes.push({ kind: "action", pipe: parsePipe(parser, "command") });
      expect(parser, "close", "command");
      continue;
    }
    next(parser);
    if (first.text === "end" || first.text === "else") {
      if (first.text === "end" || peekSolid(parser).type !== "keyword") expect(parser, "close", first.text);
      return { nodes, end: first.text };
    }
    nodes.push(parseControl(parser, first));
  }
}

function expect(parser: Parser, type: TokenType, context: string): void {
  const token = nextSolid(parser);
  if (token.type !== type) unexpected(parser, token, context);
}

function parseControl(parser: Parser, keyword: Token): Node {
  const kind = keyword.text;
  if (kind !== "if" && kind !== "range" && kind !== "with") unexpected(parser, keyword, "command");
  const visible = parser.variables.length;
  const pipe = parsePipe(parser, kind);
  expect(parser, "close", kind);
  const body = parseList(parser);
  let otherwise: Node[] = [];
  if (body.end === "else") otherwise = parseElse(parser, kind);
  if (body.end === "eof") fail(parser, "unexpected EOF");
  parser.variables.length = visible;
  return { kind, pipe, body: body.nodes, otherwise };
}

/** The part after "else". An "else if" is an if of its own, whose end closes both. */
function parseElse(parser: Parser, kind: string): Node[] {
  const follows = parser.tokens[parser.at];
  if (follows.type === "keyword") {
    next(parser);
    if (kind !== "if" || follows.text !== "if") unexpected(parser, follows, "else");
    return [parseControl(parser, follows)];
  }
  const list = parseList(parser);
  if (list.end === "eof") fail(parser, "unexpected EOF");
  if (list.end === "else") fail(parser, "expected end; found {{else}}");
  return list.nodes;
}

/** A pipeline up to its closing delimiter or parenthesis, which is not consumed. */
function parsePipe(parser: Parser, context: string, end: "close" | ")" = "close"): Pipe {
  const pipe: Pipe = { ...parseDeclaration(parser, context), commands: [] };
  for (;;) {
    const token = peekSolid(parser);
    if (token.type === end) break;
    if (token.type === "close" || token.type === ")") unexpected(parser, token, context);
    const command = parseCommand(parser, context);
    const first = command.operands[0].kind;
    if (pipe.commands.length > 0 && (first === "dot" || first === "nil" || first === "literal")) {
      fail(parser, `non executable command in pipeline stage ${pipe.commands.length + 1}`);
    }
    pipe.commands.push(command);
  }
  if (pipe.commands.length === 0) fail(parser, `missing value for ${context}`);
  parser.variables.push(...pipe.assign ? [] : pipe.variables);
  return pipe;
}

/** "$x :=", "$x =" or, in a range, "$i, $x :=" at the start of a pipeline. */
function parseDeclaration(parser: Parser, context: string): { variables: string[]; assign: boolean } {
  const start = parser.at;
  const variables: string[] = [];
  while (peekSolid(parser).type === "variable") {
    variables.push(nextSolid(parser).text);
    const { type } = peekSolid(parser);
    if (type === "declare" || type === "assign") {
      next(parser);
      return { variables, assign: type === "assign" };
    }
    if (type !== "comma") break;
    next(parser);
    if (context !== "range" || variables.length === 2) fail(parser, `too many declarations in ${context}`);
  }
  parser.at = start;
  return { variables: [], assign: false };
}

function parseCommand(parser: Parser, context: string): Command {
  const start = peekSolid(parser).pos;
  const operands: Operand[] = [];
  let end = start;
  for (;;) {
    const token = peekSolid(parser);
    if (token.type === "close" || token.type === ")") break;
    if (token.type === "pipe") {
      next(parser);
      if (operands.length === 0) unexpected(parser, token, context);
      break;
    }
    operands.push(parseOperand(parser, context));
    const { type, pos, text } = parser.tokens[parser.at];
    if (!["space", "close", ")", "pipe"].includes(type)) {
      next(parser);
      unexpected(parser, { type, pos, text }, "operand");
    }
    end = pos;
  }
  return { operands, source: parser.source.slice(start, end) };
}

function parseOperand(parser: Parser, context: string): Operand {
  const token = nextSolid(parser);
  const base = parseTerm(parser, token, context);
  const first = parser.tokens[parser.at];
  if (first.type !== "field") return base;
  if (base.kind === "literal" || base.kind === "dot" || base.kind === "nil") {
    fail(parser, `unexpected . after term ${goQuote(token.text)}`);
  }
  const names: string[] = [];
  while (parser.tokens[parser.at].type === "field") names.push(next(parser).text.slice(1));
  const source = parser.source.slice(token.pos, parser.tokens[parser.at].pos);
  // Go reports the error of .A.B at its second element.
  if (base.kind === "field") return { ...base, names: [...base.names, ...names], pos: first.pos, source };
  return { kind: "field", base, names, pos: first.pos, source };
}

function parseTerm(parser: Parser, token: Token, context: string): Operand {
  const { type, text, pos } = token;
  const here = { pos, source: text };
  switch (type) {
    case "dot":
    case "nil":
      return { kind: type, ...here };
    case "field":
      return { kind: "field", names: [text.slice(1)], ...here };
    case "variable":
      if (!parser.variables.includes(text)) fail(parser, `undefined variable ${goQuote(text)}`);
      return { kind: "variable", name: text, ...here };
    case "word":
      if (!parser.isFunction(text)) fail(parser, `function ${goQuote(text)} not defined`);
      return { kind: "function", name: text, ...here };
    case "bool":
    case "number":
    case "string":
    case "char":
      return { kind: "literal", value: literalValue(parser, token), ...here };
    case "(": {
      const pipe = parsePipe(parser, "parenthesized pipeline", ")");
      expect(parser, ")", "parenthesized pipeline");
      return { kind: "pipe", pipe, pos, source: parser.source.slice(pos, parser.tokens[parser.at].pos) };
    }
    default:
      return unexpected(parser, token, context);
  }
}

function literalValue(parser: Parser, { type, text }: Token): string | number | boolean {
  if (type === "bool") return text === "true";
  if (type === "number") {
    const digits = text.replaceAll("_", "").replace(/^([+-]?)0(?=\d+$)/, "$10o");
    const sign = digits.startsWith("-") ? -1 : 1;
    const value = sign * Number(digits.replace(/^[+-]/, ""));
    return Number.isNaN(value) ? fail(parser, `bad number syntax: ${goQuote(text)}`) : value;
  }
  const value = goUnquote(text);
  if (value === undefined) {
    fail(parser, type === "char" ? `malformed character constant: ${text}` : "invalid syntax");
  }
  return type === "char" ? value.codePointAt(0)! : value;
}
