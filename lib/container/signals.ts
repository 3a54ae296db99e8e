// Signals: their numbers and names (signal(7); the same on x86_64 and aarch64).

const NAMES: [Deno.Signal, number][] = [
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

/**
 * Calls `deliver` with the number of every signal this process gets from now on that can be passed on. Not among them:
 * those that stop a job (Ctrl-Z stops mydocker, as any program), SIGCHLD, SIGPIPE and SIGURG, which docker keeps too,
 * and real-time signals, which Deno does not know.
 */
export function forwardSignals(deliver: (signal: number) => void): void {
  for (const [name, number] of NAMES) Deno.addSignalListener(name, () => deliver(number));
}
