// Flags of the commands that attach to a container: run, start, attach, exec.

import type { Flag } from "../cli/command.ts";
import { DEFAULT_DETACH_KEYS } from "./detach_keys.ts";

export const DETACH_KEYS: Flag = {
  name: "detach-keys",
  kind: "string",
  help: "Override the key sequence for detaching a container",
  default: DEFAULT_DETACH_KEYS,
};

export const SIG_PROXY: Flag = {
  name: "sig-proxy",
  kind: "bool",
  help: "Proxy received signals to the process",
  default: true,
};
