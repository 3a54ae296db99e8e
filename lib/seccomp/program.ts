// Types of a filter between the table of allowed calls and its instructions.

/** A SECCOMP_RET_ value, or one that depends on the container's capabilities. */
export type Action = number | Gate;

/** SECCOMP_RET_ALLOW if the container has any of these capabilities (numbers), else `otherwise`. */
export interface Gate {
  capabilities: number[];
  otherwise: number;
}

/**
 * A filter whose gates are closed. `gates` lists the instructions of gates, and the capabilities that open
 * them.
 */
export interface Compiled {
  code: Uint8Array;
  gates: [at: number, capabilities: number[]][];
}
