// xz and bzip2, by the programs of these names, as docker does it.

import { Failure } from "../base/error.ts";

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const BUFFER = 1 << 18;
/** The limit for xz: an archive of a few kB can ask for 4 GiB, while archives made by `xz -9` need 65 MiB. */
const XZ_LIMITS = { XZ_DEFAULTS: "--memlimit-decompress=256MiB" };

/**
 * Yields the output of `program` for the input `source`. All chunks share one buffer: use a chunk before
 * asking for the next. Throws Failure if there is no such program or it fails, and whatever `source`
 * throws.
 */
export async function* decompressedBy(program: "xz" | "bzip2", source: Chunks): AsyncGenerator<Uint8Array> {
  const child = start(program);
  const fed = feed(child.stdin, source);
  const complaint = new Response(child.stderr).text();
  const reader = child.stdout.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(BUFFER);
  let complete = false;
  try {
    for (let next; !(next = await reader.read(new Uint8Array(buffer))).done; buffer = next.value.buffer) {
      yield next.value;
    }
    const { code } = await child.status;
    complete = true;
    const failure = await fed;
    if (failure) throw failure.error;
    if (code !== 0) {
      throw new Failure(
        `can't decompress the archive: ${
          (await complaint).trim().replaceAll("\n", "; ") || `${program}: ${code}`
        }`,
      );
    }
  } finally {
    if (!complete) child.kill("SIGKILL");
  }
}

function start(program: string): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args: ["-dcq"],
      env: XZ_LIMITS,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Failure(
      `the archive is compressed with ${program}, and this host has no program of that name: install it`,
      { cause: error },
    );
  }
}

/**
 * Writes all of `source` and closes the pipe. An error is returned rather than thrown, since nobody awaits it
 * yet.
 */
async function feed(
  stdin: WritableStream<Uint8Array>,
  source: Chunks,
): Promise<{ error: unknown } | undefined> {
  const writer = stdin.getWriter();
  // A program that stops reading says why when it ends.
  const write = (chunk: Uint8Array) => writer.write(chunk).then(() => true, () => false);
  try {
    for await (const chunk of source) if (!await write(chunk)) break;
  } catch (error) {
    return { error };
  } finally {
    await writer.close().catch(() => {}); // the program has ended
  }
}
