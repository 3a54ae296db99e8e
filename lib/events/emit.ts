// Emits events of containers, images, volumes and networks, with docker's actions and attributes.

import { append } from "./append.ts";
import type { Event } from "./event.ts";
import { nameNow } from "./names.ts";
import type { Container } from "../model/container.ts";

type Attributes = Record<string, string>;

/** If it has a directory, that shows whether it has been renamed. */
type Actor = Pick<Container, "id" | "config"> & Partial<Pick<Container, "dir">>;

/** An event of a container. `more` are attributes of the action, which labels can't override. */
export function containerEvent({ id, config, dir }: Actor, action: string, more: Attributes = {}): Event {
  const { name: _, ...labels } = config.process.Labels ?? {};
  const name = dir === undefined ? config.name : nameNow(dir, config.name);
  // The name comes last, where a keeper finds it (keeper/event_program.ts).
  const Attributes = { ...labels, ...more, image: config.imageName, name };
  return { Type: "container", Action: action, Actor: { ID: id, Attributes } };
}

/**
 * Emits a container's event after it has happened. "rename" has { oldName: "/old" } and comes after the
 * change of name.
 */
export function emitContainer(container: Actor, action: string, more: Attributes = {}): void {
  append([containerEvent(container, action, more)]);
}

/** Emits an image's event after it has happened. `name` is the tag it concerns, if any. */
export function emitImage(image: { id: string; labels?: Attributes }, action: string, name = image.id): void {
  append([{ Type: "image", Action: action, Actor: { ID: image.id, Attributes: { ...image.labels, name } } }]);
}

function volumeEvent(name: string, action: string, more: Attributes = {}): Event {
  return { Type: "volume", Action: action, Actor: { ID: name, Attributes: { ...more, driver: "local" } } };
}

/** Emits that a volume was created ("create") or removed ("destroy"). */
export function emitVolume(name: string, action: string): void {
  append([volumeEvent(name, action)]);
}

/** Emits that a network was created ("create") or removed ("destroy"). */
export function emitNetwork(
  { id, name, driver }: { id: string; name: string; driver: string },
  action: string,
): void {
  append([{ Type: "network", Action: action, Actor: { ID: id, Attributes: { name, type: driver } } }]);
}

/** The event of a container that joined a network ("connect") or left it ("disconnect"). */
export function endpointEvent(
  network: { id: string; name: string },
  container: string,
  action: "connect" | "disconnect",
): Event {
  const Attributes = { container, name: network.name, type: "bridge" };
  return { Type: "network", Action: action, Actor: { ID: network.id, Attributes } };
}

/** The events of a container's volumes at its start and end; none if it has no volumes. */
export function volumeEvents(
  { id, config }: Pick<Container, "id" | "config">,
  action: "mount" | "unmount",
): Event[] {
  return config.mounts.filter(({ type }) => type === "volume").map(({ source, target, readOnly }) => {
    const where = { destination: target, propagation: "", "read/write": String(!readOnly) };
    return volumeEvent(source, action, { container: id, ...(action === "mount" ? where : {}) });
  });
}

/** Emits the end of a prune, with the number of bytes reclaimed. */
export function emitPrune(type: Event["Type"], reclaimed: number): void {
  append([{ Type: type, Action: "prune", Actor: { ID: "", Attributes: { reclaimed: String(reclaimed) } } }]);
}
