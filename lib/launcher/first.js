// Where a compiled mydocker begins: it loads the bundle of the command, or that of all (only.ts). make fills in the names.

const own = "@OWN@".split(" ");
const name = own.includes(Deno.args[0]) ? Deno.args[0] : "full";
await import(new URL(`./js/${name}.js`, import.meta.url).href);
