import { Failure } from "../base/error.ts";
import { goQuote, goText, goType, isMapField, isPointerField } from "./go_text.ts";
import { FUNCTIONS, isTrue, type TemplateFunction } from "./funcs.ts";
import { type Command, type Node, type Operand, parseTemplate, type Pipe } from "./parse.ts";

export interface TemplateOptions {
  /**
   * The result for a field that the data lack: "<no value>", or (docker inspect) an error. Objects that are
   * maps in docker, such as Labels, give "<no value>" even then, and optional fields such as State.Health
   * give "<nil>". A field whose value is `undefined` is one that docker's JSON leaves out while it is empty.
   */
  missingKey?: "default" | "error";
  /** Functions that replace the built-in ones of the same name. */
  functions?: Record<string, TemplateFunction>;
}

/** A value in the data that templates call with arguments: {{.Label "key"}}. */
export class Method implements TemplateFunction {
  readonly min: number;
  readonly max: number;

  constructor(readonly types: ("string" | "int")[], readonly call: TemplateFunction["call"]) {
    this.min = this.max = types.length;
  }
}

interface State {
  source: string;
  strict: boolean;
  functions: Record<string, TemplateFunction>;
  variables: { name: string; value: unknown }[];
  out: string[];
}

/** Exit status of docker when a template fails on its data. */
/**
 * Compiles a Go text/template for docker's --format; the result renders plain JSON data. Integral numbers
 * count as Go's int. Compiling throws a Failure of kind "template", rendering one of kind "failed", both
 * in Go's words: `template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key
 * "Foo"`.
 */
export function compileTemplate(source: string, options: TemplateOptions = {}): (data: unknown) => string {
  const functions = { ...FUNCTIONS, ...options.functions };
  const nodes = parseTemplate(source, (name) => Object.hasOwn(functions, name));
  const strict = options.missingKey === "error";
  return (data) => {
    const state: State = { source, strict, functions, variables: [{ name: "$", value: data }], out: [] };
    walk(state, nodes, data);
    return state.out.join("");
  };
}

function fail(state: State, at: { pos: number; source: string }, problem: string): never {
  const before = state.source.slice(0, at.pos).split("\n");
  const column = new TextEncoder().encode(before.at(-1)!).length;
  const place = `template: :${before.length}:${column}: executing "" at <${at.source}>`;
  throw new Failure(`template parsing error: ${place}: ${problem}`);
}

function walk(state: State, nodes: Node[], dot: unknown): void {
  for (const node of nodes) {
    if (node.kind === "text") state.out.push(node.text);
    else if (node.kind === "action") printPipe(state, node.pipe, dot);
    else walkControl(state, node, dot);
  }
}

function printPipe(state: State, pipe: Pipe, dot: unknown): void {
  const value = evaluatePipe(state, pipe, dot);
  if (pipe.variables.length > 0) return;
  const last = pipe.commands.at(-1)!.operands[0];
  const field = last.kind === "field" ? last.names.at(-1) : undefined;
  state.out.push(value === null && field === undefined ? "<no value>" : goText(value, field));
}

function walkControl(state: State, node: Exclude<Node, { kind: "text" | "action" }>, dot: unknown): void {
  const mark = state.variables.length;
  const value = evaluatePipe(state, node.pipe, dot);
  if (node.kind === "range") checkIterable(state, node.pipe, value);
  const chosen = isTrue(value);
  if (!chosen) walk(state, node.otherwise, dot);
  else if (node.kind === "if") walk(state, node.body, dot);
  else if (node.kind === "with") walk(state, node.body, value);
  else walkRange(state, node, value);
  state.variables.length = mark;
}

function checkIterable(state: State, pipe: Pipe, value: unknown): void {
  if (value === undefined || typeof value === "object") return;
  const { operands, source } = pipe.commands[0];
  fail(state, { pos: operands[0].pos, source }, `range can't iterate over ${goText(value)}`);
}

function walkRange(state: State, node: Exclude<Node, { kind: "text" | "action" }>, value: unknown): void {
  const entries: [unknown, unknown][] = Array.isArray(value)
    ? value.map((item, i) => [i, item])
    : Object.entries(value as object).sort(([a], [b]) => a < b ? -1 : 1);
  const mark = state.variables.length;
  for (const [key, item] of entries) {
    // The pipeline has just declared (or found) its variables; the last one is the element.
    const names = [...node.pipe.variables];
    if (names.length > 0) setVariable(state, names.pop()!, item);
    if (names.length > 0) setVariable(state, names.pop()!, key);
    walk(state, node.body, item);
    state.variables.length = mark;
  }
}

function findVariable(state: State, name: string): { name: string; value: unknown } {
  return state.variables.findLast((variable) => variable.name === name)!;
}

function setVariable(state: State, name: string, value: unknown): void {
  findVariable(state, name).value = value;
}

/** `undefined` stands for Go's "no value", `null` for JSON's null. */
function evaluatePipe(state: State, pipe: Pipe, dot: unknown): unknown {
  let given: unknown[] = [];
  for (const command of pipe.commands) given = [evaluateCommand(state, command, dot, given)];
  for (const name of pipe.variables) {
    if (pipe.assign) setVariable(state, name, given[0]);
    else state.variables.push({ name, value: given[0] });
  }
  return given[0];
}

/** `given` holds the value of the preceding command in the pipeline, if any. */
function evaluateCommand(state: State, command: Command, dot: unknown, given: unknown[]): unknown {
  const [first, ...rest] = command.operands;
  if (first.kind === "function") {
    return callFunction(state, state.functions[first.name], first, command, dot, rest, given);
  }
  if (first.kind === "nil") fail(state, first, "nil is not a command");
  const hasArguments = rest.length + given.length > 0;
  if (first.kind !== "field") {
    if (hasArguments) fail(state, first, `can't give argument to non-function ${first.source}`);
    return evaluateOperand(state, first, dot);
  }
  const value = evaluateField(state, first, dot);
  const name = first.names.at(-1)!;
  if (value instanceof Method) {
    return callFunction(state, value, { ...first, name }, command, dot, rest, given);
  }
  if (hasArguments) fail(state, first, `${name} is not a method but has arguments`);
  return value;
}

function evaluateOperand(state: State, operand: Operand, dot: unknown): unknown {
  switch (operand.kind) {
    case "dot":
      return dot;
    case "nil":
      return null;
    case "literal":
      return operand.value;
    case "variable":
      return findVariable(state, operand.name).value;
    case "pipe":
      return evaluatePipe(state, operand.pipe, dot);
    case "function":
      return callFunction(
        state,
        state.functions[operand.name],
        operand,
        { operands: [operand], source: operand.source },
        dot,
        [],
        [],
      );
    case "field":
      return evaluateField(state, operand, dot);
  }
}

function evaluateField(state: State, operand: Operand & { kind: "field" }, dot: unknown): unknown {
  const { base, names } = operand;
  let value = base ? evaluateOperand(state, base, dot) : dot;
  let parent = base?.kind === "field" ? base.names.at(-1)! : "";
  for (const name of names) {
    if (value === undefined) return undefined;
    if (value === null) {
      if (isMapField(parent)) return undefined;
      fail(state, operand, `nil pointer evaluating interface {}.${name}`);
    }
    if (typeof value !== "object" || Array.isArray(value)) {
      fail(state, operand, `can't evaluate field ${name} in type ${parent ? "interface {}" : goType(value)}`);
    }
    const found: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    // JSON leaves out a null pointer. {{if .State.Health}} asks only for that; {{.State.Health.Status}} needs
    // a value.
    if (found === undefined && isPointerField(name) && name === names.at(-1)) return null;
    // A field that exists without a value is one that JSON leaves out while it is empty.
    if (found === undefined && Object.hasOwn(value, name)) return isMapField(name) ? null : "";
    if (found === undefined && state.strict && !isMapField(parent)) {
      fail(state, operand, `map has no entry for key ${goQuote(name)}`);
    }
    value = found;
    parent = name;
  }
  return value;
}

function callFunction(
  state: State,
  fn: TemplateFunction,
  operand: Operand & { name: string },
  command: Command,
  dot: unknown,
  rest: Operand[],
  given: unknown[],
): unknown {
  const { name } = operand;
  const count = rest.length + given.length;
  if (count < fn.min || count > fn.max) {
    const want = fn.min === fn.max ? fn.min : count < fn.min ? `at least ${fn.min}` : `at most ${fn.max}`;
    fail(state, operand, `wrong number of args for ${name}: want ${want} got ${count}`);
  }
  const args: unknown[] = [];
  for (const arg of rest) {
    args.push(evaluateOperand(state, arg, dot));
    checkType(state, fn, arg, args);
    const decided = (name === "or" && isTrue(args.at(-1))) || (name === "and" && !isTrue(args.at(-1)));
    if (decided) return args.at(-1);
  }
  if (given.length > 0) {
    args.push(given[0]);
    checkType(state, fn, operand, args);
  }
  try {
    return fn.call(...args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return fail(state, { ...operand, source: command.source }, `error calling ${name}: ${error.message}`);
  }
}

function checkType(state: State, fn: TemplateFunction, at: Operand, args: unknown[]): void {
  const want = fn.types?.[args.length - 1];
  const value = args.at(-1);
  if (!want || goType(value) === want) return;
  if (at.kind === "literal") {
    fail(state, at, `expected ${want === "int" ? "integer" : want}; found ${at.source}`);
  }
  if (value === undefined || value === null) fail(state, at, `invalid value; expected ${want}`);
  fail(state, at, `wrong type for value; expected ${want}; got ${goType(value)}`);
}
