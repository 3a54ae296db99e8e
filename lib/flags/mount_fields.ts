// The value of --mount, field by field: CSV of key=value pairs (docker's cli, opts/mount.go).

import { Refusal } from "../base/error.ts";
import { goBool, goQuote } from "../template/go_text.ts";
import { parseBytes } from "../base/human.ts";

/** The fields have the right types; whether they fit together is checked elsewhere. */
export interface MountFields {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  propagation?: string;
  nonRecursive?: boolean;
  /** bind-recursive=writable */
  writableBelow?: boolean;
  /** bind-recursive=readonly: the default, but an error where it is impossible. */
  readOnlyBelow?: boolean;
  noCopy?: boolean;
  labels?: Record<string, string>;
  volumeOptions?: Record<string, string>;
  /** Bytes. */
  tmpfsSize?: number;
  tmpfsMode?: number;
}

/** `path` made absolute and without ".", ".." and doubled slashes, by its text alone. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}

type Fail = (problem: string) => never;

const SYNONYMS: Record<string, string> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};

/** Fields that mean "true" without a value. */
const SWITCHES = ["readonly", "volume-nocopy", "bind-nonrecursive"];

/** Reads a value of --mount; throws a Refusal that names it and what is wrong. */
export function readMountFields(text: string): MountFields {
  const fail: Fail = (problem) => {
    throw new Refusal(`invalid argument ${goQuote(text)} for "--mount" flag: ${problem}`);
  };
  const fields: MountFields = { type: "volume", source: "", target: "", readOnly: false };
  const kinds = new Set<string>();
  for (const field of splitCsv(text, fail)) {
    const equals = field.indexOf("=");
    const typed = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const key = Object.hasOwn(SYNONYMS, typed) ? SYNONYMS[typed] : typed;
    if (equals < 0 && !SWITCHES.includes(key)) fail(`invalid field '${field}' must be a key=value pair`);
    const value = equals < 0 ? "true" : field.slice(equals + 1);
    const invalid = () => fail(`invalid value for ${typed}: ${value}`);
    if (!setField(fields, key, value, invalid, fail)) fail(`unexpected key '${typed}' in '${field}'`);
    kinds.add(key.split("-", 1)[0]);
  }
  if (fields.type === "") fail("type is required");
  if (fields.target === "") fail("target is required");
  checkRecursion(fields, fail);
  for (const kind of ["volume", "bind", "tmpfs"]) {
    if (kinds.has(kind) && fields.type !== kind) {
      fail(`cannot mix '${kind}-*' options with mount type '${fields.type}'`);
    }
  }
  return fields;
}

function checkRecursion(
  { writableBelow, readOnlyBelow, readOnly, propagation }: MountFields,
  fail: Fail,
): void {
  const requires = (mode: string, wanted: string) =>
    fail(`option 'bind-recursive=${mode}' requires '${wanted}' to be specified in conjunction`);
  if (writableBelow && !readOnly) requires("writable", "readonly");
  if (!readOnlyBelow) return;
  if (!readOnly) requires("readonly", "readonly");
  if (propagation !== "rprivate") requires("readonly", "bind-propagation=rprivate");
}

/** Sets one field; false for an unknown key. */
function setField(
  fields: MountFields,
  key: string,
  value: string,
  invalid: () => never,
  fail: Fail,
): boolean {
  const bool = () => goBool(value) ?? invalid();
  switch (key) {
    case "type":
      fields.type = value.toLowerCase();
      break;
    case "source":
      fields.source = value;
      break;
    case "target":
      fields.target = value;
      break;
    case "readonly":
      fields.readOnly = bool();
      break;
    case "consistency": // a hint for docker's macOS file sharing
      break;
    case "bind-propagation":
      fields.propagation = value.toLowerCase();
      break;
    case "bind-nonrecursive":
      fields.nonRecursive = bool();
      break;
    case "bind-recursive":
      setRecursion(fields, value, fail);
      break;
    case "volume-nocopy":
      fields.noCopy = bool();
      break;
    case "volume-label":
      fields.labels = { ...fields.labels, ...pair(value) };
      break;
    case "volume-driver":
      if (value !== "local" && value !== "") fail(`volume driver '${value}' is not supported; use local`);
      break;
    case "volume-opt":
      fields.volumeOptions = { ...fields.volumeOptions, ...pair(value) };
      break;
    case "tmpfs-size":
      fields.tmpfsSize = bytes(value, invalid);
      break;
    case "tmpfs-mode":
      if (!/^[0-7]{1,5}$/.test(value)) invalid();
      fields.tmpfsMode = parseInt(value, 8);
      break;
    default:
      return false;
  }
  return true;
}

function pair(text: string): Record<string, string> {
  const [, name, value = ""] = /^([^=]*)(?:=(.*))?$/s.exec(text)!;
  return { [name]: value };
}

function setRecursion(fields: MountFields, value: string, fail: Fail): void {
  if (value === "disabled") fields.nonRecursive = true;
  else if (value === "writable") fields.writableBelow = true;
  else if (value === "readonly") fields.readOnlyBelow = true;
  else if (value !== "enabled") {
    const allowed = 'must be "enabled", "disabled", "writable", or "readonly"';
    fail(`invalid value for bind-recursive: ${value} (${allowed})`);
  }
}

function bytes(text: string, invalid: () => never): number {
  try {
    return parseBytes(text);
  } catch (error) {
    if (error instanceof Refusal) return invalid();
    throw error;
  }
}

/** The fields of a CSV record (RFC 4180): quoted fields may contain commas, and doubled quotes. */
function splitCsv(text: string, fail: Fail): string[] {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  if (text === "") return fields;
  for (;;) {
    const match = field.exec(text);
    if (!match) return fail(`misplaced '"' in field ${fields.length + 1}`);
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]);
    if (match[3] === "") return fields;
  }
}
