// --filter of events: which of them are wanted.

import { Failure } from "../base/error.ts";
import { type Filters, hasLabel } from "../cli/filter.ts";
import { familiarName, parseReference } from "../base/reference.ts";

import type { StoredEvent } from "./event.ts";

/** Filters that name whom an event is about: by the beginning of its ID or name, whatever its type. */
const ACTORS = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];
/** Actions with a detail after a colon, which a filter may leave out. */
const DETAILED = ["exec_create", "exec_start", "health_status"];

/**
 * A test by the filters: any of one name's values, all of different names'. Unknown names count for nothing.
 */
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
      // Attributes and labels are one, as in docker.
      (filters.get("label") ?? []).every((label) => hasLabel(Attributes, label));
  };
}

/** What an event's image may be asked for by: the ID, and the name with its tag and without. */
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
