/** Thrown where it takes what a command's own bundle has not, before anything has happened: see lib/launcher/only.ts. */
export class NotBundled extends Error {}
