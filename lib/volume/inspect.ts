import { sortedByKey } from "../base/sorted.ts";
import { mountpointOf, type Volume } from "./store.ts";

/** A volume as `inspect` shows it, under docker's names and in docker's order. */
export function inspectVolume({ name, created, labels, options }: Volume): Record<string, unknown> {
  return {
    CreatedAt: created.replace(/\.\d+Z$/, "Z"),
    Driver: "local",
    Labels: sortedByKey(labels) ?? null,
    Mountpoint: mountpointOf(name),
    Name: name,
    Options: sortedByKey(options) ?? (labels ? {} : null),
    Scope: "local",
  };
}
