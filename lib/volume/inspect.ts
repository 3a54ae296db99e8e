import { mountpointOf, type Volume } from "./store.ts";

/** What `inspect` shows of a volume, under docker's names and in docker's order. */
export function inspectVolume({ name, created, labels, options }: Volume): Record<string, unknown> {
  const sorted = labels && Object.fromEntries(Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1));
  return {
    CreatedAt: created.replace(/\.\d+Z$/, "Z"),
    Driver: "local",
    Labels: sorted ?? null,
    Mountpoint: mountpointOf(name),
    Name: name,
    Options: options ?? (labels ? {} : null),
    Scope: "local",
  };
}
