// @std/assert, with the types that npm's deno-std leaves out.

// @ts-types="./assert.d.ts"
export * from "deno-std/assert";
