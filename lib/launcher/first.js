// Where a compiled mydocker begins: it loads the file of the command, or that of all (only.ts). make fills in
// the names.

const own = "@OWN@".split(" ");
const [first, second] = Deno.args;
const name = [`${first}_${second}`, first].find((name) => own.includes(name)) ?? "full";
await import(new URL(`./js/${name}.js`, import.meta.url).href);
