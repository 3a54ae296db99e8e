// What is printed: a line on the machine, a table per measurement, and what the project expects against what
// was found.

import { CAT, LAST, LOOKS, PS_MANY, PS_TEN, SHOWN, TENTH, THROUGH, UNLOGGED } from "./life.ts";
import { median, type Outcome } from "./measure.ts";
import { FLOOR, TAR } from "./peers.ts";
import { FIRST, RESIDENT } from "./start.ts";
import { ALL_WALLS, NO_WALLS } from "./walls.ts";

/**
 * What the first start of a copy took on 1 December, before anything was prepared in it, in empty
 * scripts.
 */
const FIRST_BEFORE = 90;

/** Names of candidates with what came of them. */
export type Outcomes = Map<string, Outcome>;

export function medianOf(outcomes: Outcomes, name: string): number | undefined {
  const outcome = outcomes.get(name);
  return outcome && "times" in outcome ? median(outcome.times) : undefined;
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? "" : `${(value / base).toFixed(2)} ×`;
}

/** A table in markdown, as deno fmt has it: the first column to the left, the others to the right. */
export function markdown(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => [...row[column]].length)));
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const cell = (text: string, column: number) => {
    const padding = " ".repeat(widths[column] - [...text].length);
    return column === 0 ? text + padding : padding + text;
  };
  const rule = widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  const [head, ...body] = rows.map((row) => line(row.map(cell)));
  return [head, line(rule), ...body].join("\n");
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
  return [markdown(rows), ...failures.map((line) => `\n${line}`)].join("\n");
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
  | "deeds"
  | "memory"
  | "resident"
  | "many"
  | "parallel"
  | "chatter"
  | "import"
  | "load"
  | "save"
  | "commit"
  | "peak"
  | "first"
  | "network"
  | "throughput"
  | "steps";

/** That a command which only looks takes little more than an empty script, and no more than docker's. */
const looking = (what: string): Expectation[] => [
  { text: `${what} at most 1.15 × the floor`, value: `mydocker ${what}`, base: FLOOR, most: 1.15 },
  faster(`${what} no slower than docker's`, what, "docker", 1),
];

const KEEPER = "mydocker: mydocker-keeper";
const RUN = "mydocker run --rm";

const EXPECTATIONS: Record<Kind, Expectation[]> = {
  run: [
    { text: "run --rm at most 1.4 × the floor", value: RUN, base: FLOOR, most: 1.4 },
    { text: "faster than runc run", value: "runc run, ready bundle", base: RUN, least: 1 },
    faster("at least 6 × faster than podman", "run --rm", "podman", 6),
    faster("at least 8 × faster than docker", "run --rm", "docker", 8),
  ],
  walls: [{ text: "cgroups and filter add at most 2 ms", value: ALL_WALLS, base: NO_WALLS, more: 2 }],
  exec: [
    faster("at least 4 × faster than docker's", "exec", "docker", 4),
    faster("at least 7 × faster than podman's", "exec", "podman", 7),
  ],
  ps: LOOKS.flatMap(looking),
  life: [
    faster("faster than docker", "run -d, rm -f", "docker", 1),
    faster("faster than podman", "run -d, rm -f", "podman", 1),
  ],
  stop: [faster("stop at least 2 × faster than docker's", "stop", "docker", 2)],
  deeds: ["rm -f", "start", "commit", "cp"].map((what) =>
    faster(`${what} at least 2 × faster than docker's`, what, "docker", 2)
  ),
  memory: [
    { text: "a keeper at most 52 kB", value: KEEPER, most: 52 },
    { text: "less than conmon", value: "podman: conmon", base: KEEPER, least: 1 },
    { text: "less than containerd-shim", value: "docker: containerd-shim", base: KEEPER, least: 1 },
  ],
  resident: [{ text: "at most 60 MB", value: RESIDENT, most: 60_000 }],
  many: [
    // A start is no slower than another where it takes no more than the noise of one.
    { text: "the last start no slower than the tenth", value: LAST, base: TENTH, most: 1.05 },
    { text: "ps of 1,000 at most 3 × that of 10", value: PS_MANY, base: PS_TEN, most: 3 },
  ],
  parallel: [
    { text: "at most 60 % of docker's", value: "mydocker run -d", base: "docker run -d", most: 0.6 },
  ],
  chatter: [
    { text: "with a log at most 3 × cat", value: "mydocker run cat", base: CAT, most: 3 },
    { text: "without one at most 3 × cat", value: UNLOGGED, base: CAT, most: 3 },
    { text: "from stdin at most 3 × cat", value: THROUGH, base: CAT, most: 3 },
    { text: "logs at most 2 × cat", value: SHOWN, base: CAT, most: 2 },
  ],
  import: [
    { text: "import at most 1.3 × tar xf", value: "mydocker import", base: TAR, most: 1.3 },
    { text: "faster than docker import", value: "docker import", base: "mydocker import", least: 1 },
  ],
  load: [faster("load at least 2 × faster than docker's", "load", "docker", 2)],
  save: [faster("save no slower than docker's", "save", "docker", 1)],
  commit: [faster("commit no slower than docker's", "commit", "docker", 1)],
  peak: [
    { text: "at most 150 MB, plain", value: "load, plain", most: 150_000 },
    { text: "at most 150 MB, gzip", value: "load, gzip", most: 150_000 },
  ],
  first: [
    {
      text: `at most 1.5 × what it took on 1 December: ${FIRST_BEFORE} × the floor`,
      value: FIRST,
      base: FLOOR,
      most: 1.5 * FIRST_BEFORE,
    },
  ],
  network: [
    {
      text: "at most 1.2 × that of --network none",
      value: RUN,
      base: "mydocker run --rm --network none",
      most: 1.2,
    },
    faster("at least 6 × faster than docker", "run --rm", "docker", 6),
    faster("at least 6 × faster than podman", "run --rm", "podman", 6),
  ],
  throughput: [{ text: "at least 0.95 × docker's", value: "mydocker", base: "docker", least: 0.95 }],
  steps: [],
};

/** What was wanted, and what came of it: a table in markdown; empty where nothing was. */
export function verdicts(kind: Kind, outcomes: Outcomes): string {
  const rows = EXPECTATIONS[kind].map(({ text, value, base, most, least, more }) => {
    const top = medianOf(outcomes, value);
    const bottom = base === undefined ? 1 : medianOf(outcomes, base);
    if (top === undefined || bottom === undefined) return [text, "", "not measured"];
    if (more !== undefined) {
      return [text, `${(top - bottom).toFixed(2)} ms`, top - bottom <= more ? "met" : "not met"];
    }
    const met = top / bottom <= (most ?? Infinity) && top / bottom >= (least ?? 0);
    const found = base === undefined ? String(Math.round(top)) : ratio(top, bottom);
    return [text, found, met ? "met" : "not met"];
  });
  return rows.length > 0 ? markdown([["wanted", "found", ""], ...rows]) : "";
}
