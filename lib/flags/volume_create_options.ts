// What the words of volume create say.

import { Failure } from "../base/error.ts";
import type { Flag, Parsed } from "../cli/command.ts";
import { keyValues } from "./pairs.ts";

export const VOLUME_CREATE_FLAGS: Flag[] = [
  {
    name: "driver",
    short: "d",
    kind: "string",
    default: "local",
    help: "Specify volume driver name; only local is supported",
  },
  { name: "name", kind: "string", hidden: true, help: "Volume name, as docker took it before 1.13" },
  { name: "label", kind: "list", help: "Set metadata for a volume (key=value)" },
  {
    name: "opt",
    short: "o",
    kind: "list",
    value: "map",
    help: "Set driver specific options: type=…, device=… and o=…, as mount has them",
  },
];

/** A volume that is asked for. */
export interface VolumeCreateOptions {
  /** Undefined for a name of mydocker's choice. */
  name?: string;
  labels: Record<string, string>;
  /** Of its driver; undefined where there are none. */
  options?: Record<string, string>;
}

/** Throws Failure for two names, and for another driver. */
export function volumeCreateOptions(parsed: Parsed): VolumeCreateOptions {
  const name = parsed.args[0] ?? parsed.text("name");
  if (parsed.given("name") && parsed.args.length > 0) {
    const why = "cannot specify a volume-name through both --name and as a positional arg";
    throw new Failure(`conflicting options: ${why}`);
  }
  const driver = parsed.text("driver");
  if (driver !== "local") {
    throw new Failure(`volume driver '${driver}' is not supported; use local, the default`);
  }
  return {
    name: name || undefined,
    labels: keyValues(parsed.list("label")),
    options: parsed.given("opt") ? keyValues(parsed.list("opt")) : undefined,
  };
}
