// Go's text form of values, which docker's messages and --format output use.

const ESCAPES: Record<string, string> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** Printable ASCII, without what is escaped. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** `text` as a double-quoted Go string literal (strconv.Quote, the %q verb). */
export function goQuote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const escaped = text.toWellFormed().replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const code = char.codePointAt(0)!;
    if (ESCAPES[char]) return ESCAPES[char];
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `"${escaped}"`;
}

const SIMPLE: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
const ESCAPE = /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|[^])/g;

/**
 * The text of a quoted Go literal (double quotes, back quotes, or a character in single quotes); undefined
 * where Go would refuse it. Go specification, "String literals"; \x and octal escapes give code points, not
 * bytes.
 */
export function goUnquote(literal: string): string | undefined {
  const quote = literal[0];
  const body = literal.slice(1, -1);
  if (quote === "`") return body;
  let valid = true;
  const text = body.replace(ESCAPE, (whole, simple, hex, short, long, octal) => {
    const otherQuote = quote === '"' ? "'" : '"';
    if (simple !== undefined && simple !== otherQuote) return SIMPLE[simple];
    const code = octal === undefined ? parseInt(hex ?? short ?? long, 16) : parseInt(octal, 8);
    if (Number.isInteger(code) && code <= 0x10ffff) return String.fromCodePoint(code);
    valid = false;
    return whole;
  });
  if (quote === "'" && [...text].length !== 1) return undefined;
  return valid ? text : undefined;
}

// JSON's null does not tell which Go type it stands for, but docker prints empty lists, maps and pointers
// differently. Fields that are not listed here as maps or pointers count as lists.
const MAP_FIELDS = new Set([
  "Attributes",
  "Labels",
  "Options",
  "Opts",
  "DriverOpts",
  "Volumes",
  "ExposedPorts",
  "PortBindings",
  "Ports",
  "Networks",
  "Tmpfs",
  "Sysctls",
  "StorageOpt",
  "Annotations",
  "AuxiliaryAddresses",
  "Containers",
  "Data",
]);
const POINTER_FIELDS = new Set([
  "Config",
  "ContainerConfig",
  "HostConfig",
  "State",
  "Health",
  "Healthcheck",
  "IPAMConfig",
  "UsageData",
  "BindOptions",
  "VolumeOptions",
  "TmpfsOptions",
  "Init",
  "OomKillDisable",
  "PidsLimit",
  "MemorySwappiness",
  "StopTimeout",
  "SizeRw",
  "SizeRootFs",
]);

/** Whether docker's field of this name is a map (any keys) rather than a structure (fixed keys). */
export function isMapField(name: string): boolean {
  return MAP_FIELDS.has(name);
}

/** Whether docker's field of this name is optional, null when absent. */
export function isPointerField(name: string): boolean {
  return POINTER_FIELDS.has(name);
}

function goNull(field: string | undefined): string {
  if (field === undefined || POINTER_FIELDS.has(field)) return "<nil>";
  return MAP_FIELDS.has(field) ? "map[]" : "[]";
}

function goNumber(value: number): string {
  const magnitude = Math.abs(value);
  const plain = Number.isInteger(value) ? magnitude < 1e21 : magnitude >= 1e-4 && magnitude < 1e6;
  if (plain) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/**
 * A JSON value as Go's `%v` prints it: `[a b]`, `map[k:v]` in key order, `<nil>`; undefined is
 * text/template's `<no value>`. `field` is the name of the value's field, which decides how null is printed.
 */
export function goText(value: unknown, field?: string): string {
  if (value === undefined) return "<no value>";
  if (value === null) return goNull(field);
  if (typeof value === "number") return goNumber(value);
  if (Array.isArray(value)) return `[${value.map((item) => goText(item)).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return `map[${entries.map(([key, item]) => `${key}:${goText(item, key)}`).join(" ")}]`;
}

/** The Go type of a JSON value, for error messages. */
export function goType(value: unknown): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value === "boolean") return "bool";
  if (Array.isArray(value)) return "[]interface {}";
  return typeof value === "object" ? "map[string]interface {}" : "string";
}

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** What Go's strconv.ParseBool makes of a word; undefined where it fails. */
export function goBool(text: string): boolean | undefined {
  return TRUE.includes(text) ? true : FALSE.includes(text) ? false : undefined;
}
