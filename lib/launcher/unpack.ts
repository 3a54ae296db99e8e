// What launcher.sh has deno do once, after it was unpacked: pack.sh puts this script into the launcher, which
// runs it from its standard input. So it imports nothing of mydocker's.
//
//   bundles FILE FOLDER   takes FILE apart: before each bundle is a line with its name and number of bytes
//   warm FOLDER CACHE     has deno compile the bundles in FOLDER and keep what it makes of them in CACHE
//   dlopen                fails unless the deno that runs it can call libc
import type { DatabaseSync } from "node:sqlite";

const [task, ...operands] = Deno.args;

if (task === "bundles") takeApart(operands[0], operands[1]);
else if (task === "warm") await warm(operands[0], operands[1]);
else if (task === "dlopen") callLibc();
else throw new Error(`unpack.ts: ${task}?`);

function takeApart(source: string, folder: string): void {
  const bundles = Deno.readFileSync(source);
  for (let at = 0; at < bundles.length;) {
    const start = bundles.indexOf(10, at) + 1;
    const [name, size] = new TextDecoder().decode(bundles.subarray(at, start)).split(" ");
    at = start + Number(size);
    using file = Deno.openSync(`${folder}/${name}`, { createNew: true, write: true });
    for (let from = start; from < at;) from += file.writeSync(bundles.subarray(from, at));
    file.syncSync(); // only the bundle of a command is looked at before it starts, not its parts
  }
}

/**
 * Has deno compile all that a command may load, its own modules too: whatever is compiled later is written by
 * that start, into a log that every start after it reads. Deno writes it in threads, which the end of a
 * command, always by Deno.exit, never leaves time for; so it is waited for here.
 */
async function warm(folder: string, cache: string): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  Deno.exit = () => new Promise<never>(() => {}) as never;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const texts = names.map((name) => Deno.readTextFileSync(`${folder}/${name}`));
  for (const [, module] of texts.join("\n").matchAll(/import\("(node:\w+)"\)/g)) await import(module);
  await useLazyModules();
  for (const name of names) await import(urlOf(`${folder}/${name}`)).catch(() => {});
  const database = new DatabaseSync(`${cache}/v8_code_cache_v2`);
  await until(() => {
    const rows = database.prepare("SELECT specifier FROM codecache").all();
    const kept = new Set(rows.map(({ specifier }) => specifier));
    return names.every((name) => kept.has(urlOf(`${folder}/${name}`)));
  });
  database.close();
  for (const { name } of Deno.readDirSync(cache)) {
    if (/_cache_v\d+$/.test(name)) await tidy(new DatabaseSync(`${cache}/${name}`));
  }
}

/** Deno loads some of its own modules when they are used for the first time. */
async function useLazyModules(): Promise<void> {
  const { createHash } = await import("node:crypto");
  createHash("sha256").update("").digest();
  await (await fetch("data:,")).text();
  await new Promise((done) => setTimeout(done, 0));
  await new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).output();
}

function urlOf(path: string): string {
  const url = new URL("file:///");
  url.pathname = path;
  return url.href;
}

/** Waits for it, but not for ever: the disk may be full. */
async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await new Promise((done) => setTimeout(done, 20));
}

/** What SQLite finds to be optimized, and what is in the log, would be written or read by the next starts. */
async function tidy(database: DatabaseSync): Promise<void> {
  database.exec("PRAGMA optimize");
  await until(() => database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()!.busy === 0);
  database.close();
}

function callLibc(): void {
  const libc = Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } });
  if (libc.symbols.getpid() !== Deno.pid) Deno.exit(1);
}
