// A filter on its way from the table of what is allowed to instructions. Types alone.

/** What the filter answers: a SECCOMP_RET_ value, or one that depends on the container's capabilities. */
export type Action = number | Gate;

/** SECCOMP_RET_ALLOW where there is any of these capabilities (numbers), and `otherwise` where not. */
export interface Gate {
  capabilities: number[];
  otherwise: number;
}

/**
 * A filter whose gates are closed; `gates` says which instructions they are, and what capabilities open them.
 */
export interface Compiled {
  code: Uint8Array;
  gates: [at: number, capabilities: number[]][];
}
