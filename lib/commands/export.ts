// export: everything a container sees of its own file system as a tar archive, without volumes and other mounts.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../cli/command.ts";
import { CommandError } from "../cli/error.ts";
import { type Container, findContainer } from "../container/find.ts";
import { emitContainer } from "../events/emit.ts";
import { openRootfs } from "../layer/overlay.ts";
import { pack } from "../layer/pack.ts";

export const spec: CommandSpec = {
  name: "export",
  usage: "[OPTIONS] CONTAINER",
  summary: "Write a container's whole file system as a tar archive",
  aliases: ["container export"],
  flags: [
    {
      name: "output",
      short: "o",
      kind: "string",
      value: "string",
      help: "Write to a file instead of stdout",
    },
  ],
  args: [1, 1],
};

const STDOUT = 1;

export function run(parsed: Parsed): number {
  const output = parsed.text("output");
  if (!output && Deno.stdout.isTerminal()) {
    throw new CommandError("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1);
  }
  if (output) checkOutput(output);
  const container = findContainer(parsed.args[0]);
  if (output) exportToFile(container, output);
  else exportTo(container, STDOUT, "standard output");
  emitContainer(container, "export");
  return 0;
}

function checkOutput(path: string): void {
  const directory = path.replace(/\/*[^/]*$/, "") || (path.startsWith("/") ? "/" : ".");
  if (!file.statIfAny(file.AT_FDCWD, directory, true)) {
    throw new CommandError(`invalid output path: directory "${directory}" does not exist`, 1);
  }
  const type = (file.statIfAny(file.AT_FDCWD, path, true)?.mode ?? file.S_IFREG) & file.S_IFMT;
  if (type === file.S_IFDIR) throw new CommandError(`invalid output path: "${path}" is a directory`, 1);
  if (type !== file.S_IFREG) {
    throw new CommandError(`invalid output path: "${path}" is not a regular file`, 1);
  }
}

/** The file appears, or is replaced, when it is whole. It has a container's secrets, so it is the owner's alone. */
function exportToFile(container: Container, path: string): void {
  const temporary = `${path.slice(0, path.lastIndexOf("/") + 1)}.mydocker-export-${crypto.randomUUID()}`;
  let fd: number;
  try {
    fd = file.openat(file.AT_FDCWD, temporary, file.O_WRONLY | file.O_CREAT | file.O_EXCL, 0o600);
  } catch (error) {
    throw cantWrite(path, error);
  }
  try {
    exportTo(container, fd, path);
    file.renameat2(file.AT_FDCWD, temporary, file.AT_FDCWD, path);
  } catch (error) {
    file.unlinkat(file.AT_FDCWD, temporary);
    throw error;
  } finally {
    file.close(fd);
  }
}

function exportTo({ config }: Container, fd: number, what: string): void {
  const root = openRootfs(config);
  const sink = (chunk: Uint8Array) => {
    try {
      file.write(fd, chunk, what);
    } catch (error) {
      throw cantWrite(what, error);
    }
  };
  try {
    pack(root, sink, { overlay: false });
  } finally {
    file.close(root);
  }
}

function cantWrite(what: string, error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  // main knows what to do where nobody reads.
  if (error.errno === "EPIPE") return new Deno.errors.BrokenPipe();
  return new CommandError(`can't write ${what}: ${errnoText(error.code)}`, 1, { cause: error });
}
