// cp: copies files between a container and the host. The copy passes through a tar archive that is unpacked
// while it is made. With "-" the archive comes from stdin or goes to stdout.

import { errnoText, KernelError } from "../../../ffi/errno.ts";
import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { absolutePath } from "../../base/environment.ts";
import { Failure } from "../../base/error.ts";
import { humanSize } from "../../base/human.ts";
import { printError } from "../../base/output.ts";
import { findContainer } from "../../container/find.ts";
import { openRoot } from "../../lifecycle/root.ts";
import {
  type Destination,
  findDestination,
  isDirectory,
  openPlace,
  placeCopy,
} from "../../copy/destination.ts";
import { cleanAbsolute, saysContents, type Side, splitPath } from "../../copy/path.ts";
import { openSource, type Source } from "../../copy/source.ts";
import { emitContainer } from "../../events/emit.ts";
import { chunksOf, decompressed } from "../../layer/decompress.ts";
import { packOne } from "../../layer/pack.ts";
import { createUnpacker, unpack } from "../../layer/unpack.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "cp",
  usage:
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       mydocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  summary: "Copy files/folders between a container and the local filesystem\n\n" +
    "Use '-' as the source to read a tar archive from stdin\n" +
    "and extract it to a directory destination in a container.\n" +
    "Use '-' as the destination to stream a tar archive of a\n" +
    "container source to stdout.",
  aliases: ["container cp"],
  flags: [
    { name: "archive", short: "a", kind: "bool", help: "Archive mode (copy all uid/gid information)" },
    { name: "follow-link", short: "L", kind: "bool", help: "Always follow symbol link in SRC_PATH" },
    {
      name: "quiet",
      short: "q",
      kind: "bool",
      help:
        "Suppress progress output during copy. Progress output is automatically suppressed if no terminal " +
        "is attached",
    },
  ],
  args: [2, 2],
};

const STDIN = 0;
const STDOUT = 1;
const ROOT_OWNER = { uid: 0, gid: 0 };

export async function run(parsed: Parsed): Promise<number> {
  const [from, to] = parsed.args;
  if (from === "") throw new Failure("source can not be empty");
  if (to === "") throw new Failure("destination can not be empty");
  const [source, destination] = [splitArgument(from), splitArgument(to)];
  if (source.container && destination.container) {
    throw new Failure("copying between containers is not supported");
  }
  if (source.container) await copyOut(parsed, source.container, source.path, to);
  else if (destination.container) await copyIn(parsed, from, destination.container, destination.path);
  else throw new Failure("must specify at least one container source");
  return 0;
}

/** CONTAINER:PATH, or a path of the host: text that begins with a slash or dot is always a path. */
function splitArgument(argument: string): { container?: string; path: string } {
  const colon = argument.indexOf(":");
  if (/^[/.]/.test(argument) || colon < 1) return { path: argument };
  return { container: argument.slice(0, colon), path: argument.slice(colon + 1) };
}

function host(): Side {
  return { root: file.openat(file.AT_FDCWD, "/", file.O_PATH | file.O_DIRECTORY) };
}

async function copyOut(parsed: Parsed, name: string, path: string, to: string): Promise<void> {
  const target = to === "-" ? undefined : findOutput(to);
  const container = findContainer(name);
  if (path === "") throw new Failure("bad parameter: path cannot be empty");
  const side = { root: await openRoot(container), container: name };
  const source = openSource(side, path, parsed.bool("follow-link"));
  if (target) copy(parsed, source, host(), target, to);
  else packOne(source.fd, source.name, toStdout, { overlay: false });
  emitContainer(container, "archive-path");
}

function toStdout(chunk: Uint8Array): void {
  try {
    file.write(STDOUT, chunk, "standard output");
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // main handles that nobody reads.
    if (error.errno === "EPIPE") throw new Deno.errors.BrokenPipe();
    throw new Failure(`can't write standard output: ${errnoText(error.code)}`, { cause: error });
  }
}

/** The destination on the host, checked before the container is looked up. */
function findOutput(to: string): Destination {
  const typed = absolutePath(to);
  const clean = cleanAbsolute(typed);
  const [directory] = splitPath(clean);
  if (!file.statIfAny(file.AT_FDCWD, directory, true)) {
    throw new Failure(`invalid output path: directory "${directory}" does not exist`);
  }
  const there = file.statIfAny(file.AT_FDCWD, clean, true);
  const end = saysContents(typed) ? "/." : typed.endsWith("/") ? "/" : "";
  if (there && end !== "" && (there.mode & file.S_IFMT) !== file.S_IFDIR) {
    throw new Failure(`stat ${clean}${end}: not a directory`);
  }
  checkNoDevice(there, `invalid output path: "${to}"`);
  return findDestination(host(), clean === "/" ? clean : clean + end);
}

function checkNoDevice(stat: file.Stat | undefined, what: string): void {
  const type = (stat?.mode ?? 0) & file.S_IFMT;
  if (type !== file.S_IFCHR && type !== file.S_IFBLK) return;
  throw new Failure(`${what} must be a directory or a regular file: got a device`);
}

async function copyIn(parsed: Parsed, from: string, name: string, path: string): Promise<void> {
  const source = from === "-" ? undefined : openSource(host(), from, parsed.bool("follow-link"));
  const container = findContainer(name);
  if (path === "") throw new Failure("no such directory");
  const side = { root: await openRoot(container), container: name };
  const destination = findDestination(side, path.startsWith("/") ? path : `/${path}`);
  checkNoDevice(destination.stat, `destination "${name}:${path}"`);
  if (source) {
    copy(parsed, source, side, destination, `${name}:${path}`, container);
  } else {
    if (!isDirectory(destination)) {
      throw new Failure(`destination "${name}:${path}" must be a directory`);
    }
    checkWritable(container, destination.path);
    await unpack(
      decompressed(chunksOf(STDIN, "standard input")),
      side.root,
      openPlace(side, destination.path),
    );
  }
  emitContainer(container, "extract-to-dir");
}

/** What is read-only for the container is read-only for copies into it. */
function checkWritable({ config }: Container, path: string): void {
  const clean = cleanAbsolute(path);
  const mount = config.mounts.filter(({ target }) => target === clean || clean.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
  if (mount?.readOnly) throw new Failure("mounted volume is marked read-only");
  if (!mount && config.readOnlyRootfs) throw new Failure("container rootfs is marked read-only");
}

/** `shown` is the destination as typed; `container` is the container to copy into, if any. */
function copy(
  parsed: Parsed,
  source: Source,
  side: Side,
  destination: Destination,
  shown: string,
  container?: Container,
): void {
  const { directory, name } = placeCopy(source, destination);
  const place = openPlace(side, directory);
  if (container) checkWritable(container, directory);
  const unpacker = createUnpacker(side.root, undefined, place);
  let size = 0;
  try {
    packOne(source.fd, name, (chunk) => {
      size += chunk.length;
      unpacker.push(chunk);
    }, { overlay: false, holes: true, owner: parsed.bool("archive") ? undefined : ROOT_OWNER });
    unpacker.end();
  } finally {
    unpacker.close();
  }
  if (parsed.bool("quiet") || !Deno.stdout.isTerminal()) return;
  const target = container ? shown : cleanAbsolute(absolutePath(shown));
  printError(`Successfully copied ${humanSize(size, 3)} to ${target}\n`);
}
