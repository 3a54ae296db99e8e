// The flags of run and create that describe a container; container_options.ts reads them.

import type { Flag } from "../cli/command.ts";
import { ENVIRONMENT_FLAGS } from "./environment_flags.ts";
import { LIMIT_FLAGS } from "./limit_flags.ts";
import { NETWORK_FLAGS } from "./network_flags.ts";
import { PUBLISH_FLAGS } from "./publish_flags.ts";
import { ISOLATION_FLAGS } from "./isolation_flags.ts";

/** Flags of `run` that describe the container. */
export const CONTAINER_FLAGS: Flag[] = [
  { name: "cidfile", kind: "string", help: "Write the container ID to the file" },
  { name: "entrypoint", kind: "string", help: "Overwrite the default ENTRYPOINT of the image" },
  ...ENVIRONMENT_FLAGS,
  ...LIMIT_FLAGS,
  { name: "hostname", short: "h", kind: "string", help: "Container host name" },
  {
    name: "attach",
    short: "a",
    kind: "list",
    help: "Attach to STDIN, STDOUT or STDERR",
  },
  {
    name: "init",
    kind: "bool",
    help: "Run an init inside the container that forwards signals and reaps processes",
  },
  { name: "interactive", short: "i", kind: "bool", help: "Keep STDIN open even if not attached" },
  { name: "label", short: "l", kind: "list", help: "Set meta data on a container (key=value)" },
  { name: "label-file", kind: "list", help: "Read in a line delimited file of labels" },
  {
    name: "log-driver",
    kind: "string",
    help: "Logging driver for the container: json-file, local or none",
    default: "json-file",
  },
  { name: "log-opt", kind: "list", help: "Log driver options: max-size=SIZE (64m) and max-file=COUNT (2)" },
  {
    name: "mount",
    kind: "list",
    value: "mount",
    help: "Attach a filesystem mount to the container",
  },
  { name: "name", kind: "string", help: "Assign a name to the container" },
  ...NETWORK_FLAGS,
  ...PUBLISH_FLAGS,
  { name: "read-only", kind: "bool", help: "Mount the container's root filesystem as read only" },
  {
    name: "restart",
    kind: "string",
    help: "Restart policy to apply when a container exits: no, on-failure[:COUNT], always or unless-stopped",
    default: "no",
  },
  {
    name: "rm",
    kind: "bool",
    help: "Automatically remove the container and its associated anonymous volumes when it exits",
  },
  {
    name: "security-opt",
    kind: "list",
    help: "Security Options: no-new-privileges, seccomp=unconfined|FILE or systempaths=unconfined",
  },
  { name: "stop-signal", kind: "string", help: "Signal to stop the container", default: "SIGTERM" },
  { name: "stop-timeout", kind: "int", help: "Timeout (in seconds) to stop a container" },
  { name: "tmpfs", kind: "list", help: "Mount a tmpfs directory (path[:options])" },
  { name: "tty", short: "t", kind: "bool", help: "Allocate a pseudo-TTY" },
  { name: "user", short: "u", kind: "string", help: "Username or UID (format: <name|uid>[:<group|gid>])" },
  {
    name: "volume",
    short: "v",
    kind: "list",
    help: "Bind mount a volume (source:target[:options])",
  },
  { name: "workdir", short: "w", kind: "string", help: "Working directory inside the container" },
  ...ISOLATION_FLAGS,
];
