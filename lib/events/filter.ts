// --filter of events.

import { Failure } from "../base/error.ts";
import { type Filters, hasLabel } from "../cli/filter.ts";
import { familiarName, parseReference } from "../base/reference.ts";

import type { StoredEvent } from "./event.ts";

/** Filters that name the object of an event by the beginning of its ID or name, whatever its type. */
const ACTORS = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];
/** Actions with a detail after a colon, which filters may leave out. */
const DETAILED = ["exec_create", "exec_start", "health_status"];

/** A test by the filters: any value of each name, and all names. Unknown names are ignored. */
export function eventFilter(filters: Filters): (event: StoredEvent) => boolean {
  const any = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true;
  const images = filters.has("image") ? imageNames : () => [];
  const detailed = filters.get("event")?.some((value) => DETAILED.includes(value));
  return (event) => {
    const { Type, Action, Actor: { ID, Attributes } } = event;
    const begins = (value: string) => ID.startsWith(value) || (Attributes.name ?? "").startsWith(value);
    const names = images(event);
    return any("event", (value) => detailed ? Action.startsWith(value) : Action === value) &&
      any("type", (value) => Type === value) &&
      any("scope", (value) => value === "local") &&
      any("image", (value) => names.includes(value)) &&
      ACTORS.every((name) => any(name, begins)) &&
      // Attributes and labels are the same, as in docker.
      (filters.get("label") ?? []).every((label) => hasLabel(Attributes, label));
  };
}

/** The names of an event's image: its ID, and its name with and without tag. */
function imageNames({ Type, Actor: { ID, Attributes } }: StoredEvent): string[] {
  const name = Attributes[Type === "image" ? "name" : "image"] ?? "";
  return [ID, name, untagged(ID), untagged(name)];
}

function untagged(name: string): string {
  try {
    return familiarName(parseReference(name).name);
  } catch (error) {
    if (error instanceof Failure) return name;
    throw error;
  }
}
