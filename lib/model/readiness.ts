// Until when a command waits for a container.

/** What to wait for, and for how many seconds at most. */
export interface Readiness {
  what: { kind: "text"; text: string } | { kind: "port"; port: number } | { kind: "exit" };
  /** Infinity for no limit. */
  seconds: number;
}
