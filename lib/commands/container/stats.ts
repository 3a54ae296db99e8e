// stats: shows the resource usage of containers in a table that is updated, or once.

import { pause } from "../../../ffi/process.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { formatRows } from "../../cli/format.ts";
import { binarySize, humanSize, shortId } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { type Consumption, consumptionMeter } from "../../container/consumption.ts";
import { findContainerId } from "../../container/find.ts";
import { listContainers, type ListedContainer, listedContainer } from "../../container/list.ts";

export const spec: CommandSpec = {
  name: "stats",
  usage: "[OPTIONS] [CONTAINER...]",
  summary: "Display a live stream of container(s) resource usage statistics",
  aliases: ["container stats"],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Show all containers (default shows just running)" },
    FORMAT_ROWS,
    { name: "no-stream", kind: "bool", help: "Disable streaming stats and only pull the first result" },
    { name: "no-trunc", kind: "bool", help: "Do not truncate output" },
  ],
  args: [0, Infinity],
};

const TITLES = {
  Container: "CONTAINER",
  Name: "NAME",
  ID: "CONTAINER ID",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};
const COLUMNS = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

/**
 * Milliseconds between the two readings for --no-stream: two of the periods by which the kernel limits CPU
 * time.
 */
const MOMENT = 200;
/** Milliseconds between two tables, as in docker. */
const INTERVAL = 500;
/** Clears a terminal and moves to its top left. */
const CLEAR = "\x1b[2J\x1b[H";

/** A line of the table. */
interface Entry {
  /** The name that the user gave; if none was given, the short ID, as in docker. */
  reference: string;
  id: string;
  name: string;
  meter: (container: ListedContainer) => Consumption;
  /** Undefined after the container was removed. */
  used?: Consumption;
}

export async function run(parsed: Parsed): Promise<number> {
  const short = !parsed.bool("no-trunc");
  const format = parsed.text("format") || "table";
  const template = format === "table" ? `table ${COLUMNS.map((name) => `{{.${name}}}`).join("\\t")}` : format;
  const look = watch([...new Set(parsed.args)], parsed.bool("all"));
  look();
  for (let interval = MOMENT;; interval = INTERVAL) {
    await pause(interval);
    const text = await formatRows(template, TITLES, look().map((entry) => rowOf(entry, short)));
    if (parsed.bool("no-stream")) {
      print(text);
      return 0;
    }
    print(CLEAR + text);
  }
}

/**
 * Returns a function that reads the usage of the named containers or, without names, of the running or all
 * ones.
 */
function watch(references: string[], all: boolean): () => Entry[] {
  if (references.length > 0) {
    const entries = named(references);
    return () => {
      for (const entry of entries) measure(entry, listedContainer(entry.id));
      return entries;
    };
  }
  let entries: Entry[] = [];
  return () => {
    const found = new Map(listContainers({ all }).map((container) => [container.id, container]));
    // Without --all, a container that has ended disappears, and a new one is added at the end.
    if (!all) entries = entries.filter(({ id }) => found.has(id));
    for (const entry of entries) {
      measure(entry, found.get(entry.id));
      found.delete(entry.id);
    }
    for (const container of found.values()) {
      entries.push(measure(entryOf(container.id, shortId(container.id)), container));
    }
    return entries;
  };
}

/** Throws Failure with a line for each container that does not exist. */
function named(references: string[]): Entry[] {
  const missing: string[] = [];
  const entries = references.flatMap((reference) => {
    const id = findContainerId(reference);
    if (id === undefined) missing.push(`No such container: ${reference}`);
    return id === undefined ? [] : [entryOf(id, reference)];
  });
  if (missing.length > 0) throw new Failure(missing.join("\nmydocker: "));
  return entries;
}

function entryOf(id: string, reference: string): Entry {
  return { id, reference, name: "", meter: consumptionMeter() };
}

function measure(entry: Entry, container: ListedContainer | undefined): Entry {
  entry.used = container && entry.meter(container);
  if (container) entry.name = container.config.name;
  return entry;
}

function rowOf({ id, reference, name, used }: Entry, short: boolean): Record<string, string> {
  const percent = (value: number) => `${value.toFixed(2)}%`;
  const pair = (left: number, right: number) => `${humanSize(left, 3)} / ${humanSize(right, 3)}`;
  return {
    Container: reference,
    Name: name || "--",
    ID: short ? shortId(id) : id,
    CPUPerc: used ? percent(used.cpuPercent) : "--",
    MemUsage: used ? `${binarySize(used.memory)} / ${binarySize(used.memoryLimit)}` : "-- / --",
    MemPerc: used ? percent(used.memoryPercent) : "--",
    NetIO: used ? pair(used.received, used.sent) : "--",
    BlockIO: used ? pair(used.read, used.written) : "--",
    PIDs: used ? String(used.pids) : "--",
  };
}
