// A container's standard streams: its own ends, the keeper's, and those of clients that are attached from the
// start.

import * as file from "../../ffi/file.ts";
import { pipe } from "../../ffi/process.ts";
import { copyWindowSize, isDevpts, openSlave, PTMX } from "../../ffi/terminal.ts";
import { Failure } from "../base/error.ts";
import { openDeviceInside } from "../layer/inside.ts";
import type { Source } from "../keeper/source_program.ts";
import type { ContainerConfig } from "../model/container.ts";
import { type Identity, NO_INPUT } from "../keeper/plan.ts";

/** The streams that a command connects to a container while it is attached. */
export interface Attachment {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

/** None of them. */
export const NOTHING: Attachment = { stdin: false, stdout: false, stderr: false };

/** Whether a command lends none of its streams. */
export function isDetached({ stdin, stdout, stderr }: Attachment): boolean {
  return !stdin && !stdout && !stderr;
}

export interface Streams {
  /** Descriptors that become 0, 1 and 2 of the container's first process: see takeStdio. */
  inside: [number, number, number];
  /** What the keeper reads. */
  sources: Source[];
  /** The write end of stdin, if somebody writes it: the caller, or clients that attach later. */
  input?: number;
  /** The terminal's master side, if it has one: the keeper reads it, others write to it and set its size. */
  terminal?: number;
}

/** Takes a descriptor that is to be closed later, and returns it. */
type Keep = (fd: number) => number;

/**
 * Makes the streams; `keep` records the descriptors that this process does not need once there is a keeper,
 * and `own` those that it goes on with if the container runs: `input` and `terminal`. Either has all of its
 * own also where this throws.
 */
export function openStreams(
  config: Pick<ContainerConfig, "tty" | "stdin">,
  attached: Attachment,
  devpts: number,
  keep: Keep,
  own: Keep,
  identity: Identity,
): Streams {
  return config.tty
    ? openTerminalStreams(attached, devpts, keep, own, identity)
    : openPipes(config.stdin, attached, keep, own, identity);
}

function openTerminalStreams(
  attached: Attachment,
  devpts: number,
  keep: Keep,
  own: Keep,
  identity: Identity,
): Streams {
  const master = openDeviceInside(devpts, "ptmx", PTMX);
  // A running container may have mounted something else there.
  if (master === undefined || !isDevpts(master)) {
    if (master !== undefined) file.close(master);
    throw new Failure("can't open a terminal: /dev/pts/ptmx in the container is none of devpts", {
      kind: "not executable",
    });
  }
  const slave = keep(openSlave(own(master)));
  if (attached.stdin) copyWindowSize(0, master);
  file.fchown(slave, identity.uid, 5);
  return {
    inside: [slave, slave, slave],
    sources: [{ fd: master, stream: 1, passed: attached.stdout, piped: false }],
    terminal: master,
  };
}

function openPipes(
  hasInput: boolean,
  attached: Attachment,
  keep: Keep,
  own: Keep,
  identity: Identity,
): Streams {
  const [input, inputWrite] = hasInput ? pipe() : [NO_INPUT, undefined];
  if (inputWrite !== undefined) {
    keep(input);
    own(inputWrite);
  }
  const [out, outWrite] = pipe().map(keep);
  const [err, errWrite] = pipe().map(keep);
  // Otherwise, a command that is not root could not open /dev/stdout again.
  const pipes = hasInput ? [input, outWrite, errWrite] : [outWrite, errWrite];
  if (identity.uid !== 0) { for (const fd of pipes) file.fchown(fd, identity.uid, identity.gid); }
  return {
    inside: [input, outWrite, errWrite],
    sources: [
      { fd: out, stream: 1, passed: attached.stdout, piped: true },
      { fd: err, stream: 2, passed: attached.stderr, piped: true },
    ],
    input: inputWrite,
  };
}
