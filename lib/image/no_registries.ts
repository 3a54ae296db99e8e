/** Thrown where there is work for registries and none were provided: see obtain.ts. */
export class NoRegistries extends Error {}
