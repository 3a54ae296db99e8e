// What is printed: a line on the machine, a table per measurement, and what the project expects against what
// was found.

import { CAT, LAST, PS_MANY, PS_TEN, TENTH } from "./life.ts";
import type { Outcome } from "./measure.ts";
import { FLOOR, TAR } from "./peers.ts";
import { ALL_WALLS, NO_WALLS } from "./walls.ts";

/** Names of candidates with what came of them. */
export type Outcomes = Map<string, Outcome>;

/** The middle one of the times; undefined if there are none. */
export function median(times: number[]): number | undefined {
  const sorted = times.toSorted((one, other) => one - other);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[half]
    : sorted.length === 0
    ? undefined
    : (sorted[half - 1] + sorted[half]) / 2;
}

function medianOf(outcomes: Outcomes, name: string): number | undefined {
  const outcome = outcomes.get(name);
  return outcome && "times" in outcome ? median(outcome.times) : undefined;
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? "" : `${(value / base).toFixed(2)} ×`;
}

/** The first column to the left, the others to the right, two blanks between them. */
function aligned(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  return rows.map((row) => row.map(cell).join("  ").trimEnd()).join("\n");
}

/**
 * Times in milliseconds and medians against two of them; the fastest first, and below them who did not
 * finish.
 */
export function table(title: string, outcomes: Outcomes, bases: Record<string, string>): string {
  const rows = [[title, "min", "median", "max", ...Object.keys(bases).map((label) => `÷ ${label}`)]];
  const failures: string[] = [];
  const order = (name: string) => medianOf(outcomes, name) ?? Infinity;
  for (const name of [...outcomes.keys()].sort((one, other) => order(one) - order(other))) {
    const outcome = outcomes.get(name)!;
    if ("failed" in outcome) {
      failures.push(`${name} failed: ${outcome.failed}`);
      continue;
    }
    const figures = [Math.min(...outcome.times), median(outcome.times)!, Math.max(...outcome.times)];
    const ratios = Object.values(bases).map((base) => ratio(median(outcome.times), medianOf(outcomes, base)));
    rows.push([name, ...figures.map((time) => time.toFixed(1)), ...ratios]);
  }
  return [aligned(rows), ...failures].join("\n");
}

/** Processors, kernel and deno, without which the milliseconds say nothing. */
export function machine(): string {
  const model = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
  const cores = `${navigator.hardwareConcurrency} cores${model === undefined ? "" : ` (${model})`}`;
  return `${cores}, Linux ${Deno.osRelease()}, deno ${Deno.version.deno}`;
}

/** Load averages over 1, 5 and 15 minutes. */
export function load(): string {
  return Deno.readTextFileSync("/proc/loadavg").split(" ").slice(0, 3).join(" ");
}

interface Expectation {
  text: string;
  value: string;
  /** Without, the value itself is looked at. */
  base?: string;
  /** value ÷ base is to be at most, or at least, this. */
  most?: number;
  least?: number;
  /** value - base is to be at most this. */
  more?: number;
}

/** That mydocker takes at most, or is at least, so much of what another takes. */
const faster = (text: string, what: string, peer: string, least: number): Expectation => ({
  text,
  value: `${peer} ${what}`,
  base: `mydocker ${what}`,
  least,
});

/** What is measured, by the names that ONLY knows. */
export type Kind =
  | "run"
  | "walls"
  | "exec"
  | "ps"
  | "life"
  | "stop"
  | "memory"
  | "many"
  | "chatter"
  | "import"
  | "load"
  | "save"
  | "commit"
  | "peak"
  | "network"
  | "throughput";

const EXPECTATIONS: Record<Kind, Expectation[]> = {
  exec: [
    faster("exec at least 3 × faster than docker's", "exec", "docker", 3),
    faster("exec at least 6 × faster than podman's", "exec", "podman", 6),
  ],
  ps: [
    faster("ps no slower than docker's", "ps", "docker", 1),
    faster("ps no slower than podman's", "ps", "podman", 1),
  ],
  life: [
    faster("faster than docker", "run -d, rm -f", "docker", 1),
    faster("faster than podman", "run -d, rm -f", "podman", 1),
  ],
  stop: [
    faster("faster than docker", "stop", "docker", 1),
    faster("faster than podman", "stop", "podman", 1),
  ],
  memory: [
    {
      text: "less than conmon",
      value: "podman: conmon",
      base: "mydocker: mydocker-keeper",
      least: 1,
    },
    {
      text: "less than containerd-shim",
      value: "docker: containerd-shim",
      base: "mydocker: mydocker-keeper",
      least: 1,
    },
  ],
  many: [
    { text: "the last start at most 1.3 × the tenth", value: LAST, base: TENTH, most: 1.3 },
    { text: "ps of 1,000 at most 5 × that of 10", value: PS_MANY, base: PS_TEN, most: 5 },
  ],
  chatter: [
    { text: "at most 3 × cat", value: "mydocker run cat", base: CAT, most: 3 },
  ],
  run: [
    { text: "run --rm at most 1.7 × the floor", value: "mydocker run --rm", base: FLOOR, most: 1.7 },
    { text: "faster than runc run", value: "runc run, ready bundle", base: "mydocker run --rm", least: 1 },
    {
      text: "at least 7 × faster than podman",
      value: "podman run --rm",
      base: "mydocker run --rm",
      least: 7,
    },
    {
      text: "at least 10 × faster than docker",
      value: "docker run --rm",
      base: "mydocker run --rm",
      least: 10,
    },
  ],
  walls: [
    { text: "cgroups and filter add at most 2 ms", value: ALL_WALLS, base: NO_WALLS, more: 2 },
  ],
  import: [
    { text: "import at most 1.3 × tar xf", value: "mydocker import", base: TAR, most: 1.3 },
    { text: "faster than docker import", value: "docker import", base: "mydocker import", least: 1 },
  ],
  load: [faster("load at least 2 × faster than docker's", "load", "docker", 2)],
  save: [faster("save no slower than docker's", "save", "docker", 1)],
  commit: [faster("commit no slower than docker's", "commit", "docker", 1)],
  network: [
    {
      text: "at most 1.5 × that of --network none",
      value: "mydocker run --rm",
      base: "mydocker run --rm --network none",
      most: 1.5,
    },
    faster("at least 6 × faster than docker", "run --rm", "docker", 6),
    faster("at least 6 × faster than podman", "run --rm", "podman", 6),
  ],
  throughput: [
    { text: "at least 0.95 × docker's", value: "mydocker", base: "docker", least: 0.95 },
  ],
  peak: [
    { text: "at most 150 MB, plain", value: "load, plain", most: 150_000 },
    { text: "at most 150 MB, gzip", value: "load, gzip", most: 150_000 },
  ],
};

/** One line per expectation: whether it is met, and by how much. */
export function verdicts(kind: Kind, outcomes: Outcomes): string {
  return EXPECTATIONS[kind].map(({ text, value, base, most, least, more }) => {
    const top = medianOf(outcomes, value);
    const bottom = base === undefined ? 1 : medianOf(outcomes, base);
    if (top === undefined || bottom === undefined) return `  ${text}: not measured`;
    if (more !== undefined) {
      return `  ${text}: ${top - bottom <= more ? "met" : "not met"} (${(top - bottom).toFixed(2)})`;
    }
    const met = top / bottom <= (most ?? Infinity) && top / bottom >= (least ?? 0);
    return `  ${text}: ${met ? "met" : "not met"} (${
      base === undefined ? top : `${(top / bottom).toFixed(2)} ×`
    })`;
  }).join("\n");
}
