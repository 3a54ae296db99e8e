// The condition that a command waits for.

/** What to wait for, and the largest number of seconds. */
export interface Readiness {
  what: { kind: "text"; text: string } | { kind: "port"; port: number } | { kind: "exit" };
  /** Infinity for no limit. */
  seconds: number;
}
