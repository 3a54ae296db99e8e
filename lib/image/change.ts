// --change of import and commit: Dockerfile instructions that change an image's configuration.

import { Failure } from "../base/error.ts";
import type { Flag } from "../cli/command.ts";
import { expandWord, splitWords } from "./change_words.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import type { ProcessConfig } from "../model/container.ts";

interface Change {
  config: ProcessConfig;
  /** CMD was among the changes, so a new ENTRYPOINT does not clear the command. */
  commandSet: boolean;
}

type Apply = (change: Change, text: string) => void;

const INSTRUCTIONS: Record<string, Apply> = {
  CMD(change, text) {
    change.config.Cmd = commandOf(text);
    change.commandSet = true;
  },
  ENTRYPOINT({ config, commandSet }, text) {
    const entrypoint = text === "" ? [] : commandOf(text);
    config.Entrypoint = entrypoint.length > 0 ? entrypoint : null;
    // The old command was meant as arguments of the old entrypoint.
    if (entrypoint.length > 0 && !commandSet) config.Cmd = null;
  },
  ENV({ config }, text) {
    for (const [name, value] of pairsOf("ENV", text, config)) setVariable(config, name, value);
  },
  LABEL({ config }, text) {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf("LABEL", text, config)) };
  },
  EXPOSE({ config }, text) {
    const ports = splitWords(text).flatMap((word) => portsOf(expandWord(word, variablesOf(config))));
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  VOLUME({ config }, text) {
    if (text.startsWith("[") && arrayOf(text)?.length === 0) fail("VOLUME requires at least one argument");
    const paths = arrayOf(text) ?? splitWords(text).map((word) => expandWord(word, variablesOf(config)));
    if (paths.some((path) => path.trim() === "")) fail("VOLUME specified can not be an empty string");
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path.trim(), {}])) };
  },
  USER({ config }, text) {
    config.User = expandWord(text, variablesOf(config));
  },
  WORKDIR({ config }, text) {
    config.WorkingDir = joinPath(config.WorkingDir || "/", expandWord(text, variablesOf(config)));
  },
  STOPSIGNAL({ config }, text) {
    const signal = expandWord(text, variablesOf(config));
    if (!/^(?:SIG)?[A-Z][A-Z0-9]*(?:[+-]\d+)?$|^\d{1,2}$/i.test(signal)) fail(`Invalid signal: ${signal}`);
    config.StopSignal = signal;
  },
  HEALTHCHECK({ config }, text) {
    config.Healthcheck = parseHealthcheck(text, arrayOf);
  },
  ONBUILD({ config }, text) {
    const trigger = /^\S+/.exec(text)![0].toUpperCase();
    if (trigger === "ONBUILD") fail("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (["FROM", "MAINTAINER"].includes(trigger)) fail(`${trigger} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...config.OnBuild ?? [], text];
  },
};

export const CHANGE_FLAG: Flag = {
  name: "change",
  short: "c",
  kind: "list",
  help: `Apply Dockerfile instruction to the created image: ${Object.keys(INSTRUCTIONS).join(", ")}`,
};

/** Instructions whose argument may be empty: a shell's command that does nothing. */
const COMMANDS = ["CMD", "ENTRYPOINT"];
const SINGLE = ["STOPSIGNAL", "USER", "WORKDIR"];

/**
 * The configuration after the instructions in `changes`, one per line; `config` itself stays as it is. Throws
 * Failure in docker's words for unknown instructions and bad arguments.
 */
export function applyChanges(config: ProcessConfig, changes: string[]): ProcessConfig {
  const change: Change = { config: structuredClone(config), commandSet: false };
  const lines = changes.join("\n").replace(/\\[ \t]*\r?\n/g, "").split(/\r?\n/).map((line) => line.trim());
  for (const line of lines.filter((line) => line !== "" && !line.startsWith("#"))) {
    const [, name, text] = /^(\S+)\s*([^]*)$/.exec(line)!;
    const instruction = name.toUpperCase();
    if (!Object.hasOwn(INSTRUCTIONS, instruction)) {
      fail(`${name.toLowerCase()} is not a valid change command`);
    }
    if (text === "" && !COMMANDS.includes(instruction)) {
      fail(`${instruction} requires ${SINGLE.includes(instruction) ? "exactly" : "at least"} one argument`);
    }
    INSTRUCTIONS[instruction](change, text);
  }
  return change.config;
}

function fail(problem: string): never {
  throw new Failure(problem);
}

/** The JSON form is used as it is; anything else is a shell's command. */
function commandOf(text: string): string[] {
  return arrayOf(text) ?? ["/bin/sh", "-c", ...(text === "" ? [] : [text])];
}

/** A JSON array of strings; undefined for anything else. */
function arrayOf(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function variablesOf(config: ProcessConfig): Map<string, string> {
  return new Map((config.Env ?? []).map((entry) => entry.split(/=([^]*)/, 2) as [string, string]));
}

/** "A=1 B=2", or the old form "A rest of the line". */
function pairsOf(instruction: string, text: string, config: ProcessConfig): [name: string, value: string][] {
  const variables = variablesOf(config);
  const words = splitWords(text);
  if (!words[0].includes("=")) {
    const [, name, value] = /^(\S+)\s*([^]*)$/.exec(text)!;
    if (value === "") fail(`${instruction} must have two arguments`);
    return [[expandWord(name, variables), expandWord(value, variables)]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      fail(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    const name = expandWord(word.slice(0, equals), variables);
    if (name === "") fail(`${instruction} names can not be blank`);
    return [name, expandWord(word.slice(equals + 1), variables)];
  });
}

/** A variable that is already set keeps its place. */
function setVariable(config: ProcessConfig, name: string, value: string): void {
  const variables = variablesOf(config).set(name, value);
  config.Env = [...variables].map(([key, text]) => `${key}=${text}`);
}

/** "80", "80/udp" or "8000-8002" as a list of "PORT/PROTOCOL". */
function portsOf(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || last < first || last > 65535) fail(`Invalid containerPort: ${text}`);
  const protocol = (match[3] ?? "tcp").toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(protocol)) fail(`Invalid proto: ${match[3]}`);
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}

function joinPath(base: string, path: string): string {
  const kept: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}
