// Signals: their numbers and names (signal(7); the same on x86_64 and aarch64).

import { Failure } from "./error.ts";

/** Signals that can be passed on to a container. */
export const PASSED_ON: [Deno.Signal, number][] = [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGQUIT", 3],
  ["SIGTRAP", 5],
  ["SIGABRT", 6],
  ["SIGUSR1", 10],
  ["SIGUSR2", 12],
  ["SIGALRM", 14],
  ["SIGTERM", 15],
  ["SIGCONT", 18],
  ["SIGXCPU", 24],
  ["SIGXFSZ", 25],
  ["SIGVTALRM", 26],
  ["SIGPROF", 27],
  ["SIGWINCH", 28],
  ["SIGIO", 29],
  ["SIGPWR", 30],
  ["SIGSYS", 31],
];

/** Signals that only kill and --stop-signal use. */
const OTHERS = {
  ILL: 4,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  STKFLT: 16,
  CHLD: 17,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
};
const [SIGRTMIN, SIGRTMAX] = [34, 64];

/**
 * The number of a signal in any form that docker accepts: "9", "KILL", "SIGKILL", "RTMIN+3". Throws Failure.
 */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : namedSignal(text.toUpperCase().replace(/^SIG/, ""));
  if (number === undefined || number < 1 || number > SIGRTMAX) {
    throw new Failure(`Invalid signal: ${text}`);
  }
  return number;
}

/** Whether there is a signal with this number; 32 and 33 are glibc's own. */
export function isSignal(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= SIGRTMAX && (number < 32 || number >= SIGRTMIN);
}

function namedSignal(name: string): number | undefined {
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime) {
    const [, base, sign, offset = "0"] = realTime;
    return (base === "MIN" ? SIGRTMIN : SIGRTMAX) + (sign === "-" ? -1 : 1) * Number(offset);
  }
  return PASSED_ON.find(([known]) => known === `SIG${name}`)?.[1] ??
    Object.entries(OTHERS).find(([known]) => known === name)?.[1];
}

/** Whether users end programs by it: SIGHUP, SIGINT, SIGQUIT, SIGTERM. */
export function endsProcess(signal: number): boolean {
  return [1, 2, 3, 15].includes(signal);
}
