import { Failure } from "../base/error.ts";
import { sortedByKey } from "../base/sorted.ts";
import { columns } from "./columns.ts";
import { compileTemplate } from "../template/template.ts";
import { goJson, type TemplateFunction } from "../template/funcs.ts";

export type Row = Record<string, unknown>;

/** In the header line, functions that change a value leave the column's title as it is; `pad` still pads. */
const HEADER_FUNCTIONS: Record<string, TemplateFunction> = Object.fromEntries(
  ["json", "split", "join", "title", "lower", "upper", "truncate"].map((name) => [
    name,
    { min: 1, max: 2, call: (value: unknown) => value },
  ]),
);

/**
 * Renders the rows of a list command (ps, images, volume ls) for --format: "json", "table TEMPLATE" or
 * "TEMPLATE". Each row is one line with a newline. A bare "table" means the command's own columns, see
 * table(). `titles` has each field's column title. Throws like compileTemplate, but never with kind
 * "template": docker's lists fail like any command.
 */
export async function formatRows(format: string, titles: Row, rows: Row[]): Promise<string> {
  const isTable = format.startsWith("table");
  const source = format === "json" ? "{{json .}}" : (isTable ? format.slice("table".length) : format)
    .replace(/^ +| +$/g, "").replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const render = compile(source, { missingKey: "error", functions: { json: rowJson(rows) } });
  const lines = rows.map((row) => render(row) + "\n");
  if (!isTable) return lines.join("");
  const header = compileTemplate(source, { functions: HEADER_FUNCTIONS })(titles);
  return await columns([`${header}\n`, ...lines].join(""));
}

function compile(...[source, options]: Parameters<typeof compileTemplate>): (row: unknown) => string {
  try {
    return compileTemplate(source, options);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.message, { cause: error });
  }
}

/** A whole row as JSON has sorted keys, and &, < and > escaped, because docker encodes it in two steps. */
function rowJson(rows: Row[]): TemplateFunction {
  const encode = (value: unknown) => {
    if (!rows.includes(value as Row)) return goJson(value);
    const sorted = sortedByKey(value as Row);
    const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    return goJson(sorted).replace(/[&<>]/g, escape);
  };
  return { min: 1, max: 1, call: encode };
}
