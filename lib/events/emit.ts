// Events of containers, images and volumes, with docker's actions and attributes.

import { append } from "./append.ts";
import type { Event } from "./event.ts";
import { nameNow } from "./names.ts";
import type { Container } from "../model/container.ts";

type Attributes = Record<string, string>;

/** Its directory, where there is one, says whether it has been renamed. */
type Actor = Pick<Container, "id" | "config"> & Partial<Pick<Container, "dir">>;

/**
 * What happened to a container; `more` are attributes of the action, which no label can take the place of.
 */
export function containerEvent({ id, config, dir }: Actor, action: string, more: Attributes = {}): Event {
  const { name: _, ...labels } = config.process.Labels ?? {};
  const name = dir === undefined ? config.name : nameNow(dir, config.name);
  // The name last, where a keeper finds it (keeper/event_program.ts).
  const Attributes = { ...labels, ...more, image: config.imageName, name };
  return { Type: "container", Action: action, Actor: { ID: id, Attributes } };
}

/**
 * Notes what happened to a container, once it has: "rename" with { oldName: "/old" } after the new name is
 * its own.
 */
export function emitContainer(container: Actor, action: string, more: Attributes = {}): void {
  append([containerEvent(container, action, more)]);
}

/** Notes what happened to an image, once it has; `name` is the tag it was about, if it was about one. */
export function emitImage(image: { id: string; labels?: Attributes }, action: string, name = image.id): void {
  append([{ Type: "image", Action: action, Actor: { ID: image.id, Attributes: { ...image.labels, name } } }]);
}

function volumeEvent(name: string, action: string, more: Attributes = {}): Event {
  return { Type: "volume", Action: action, Actor: { ID: name, Attributes: { ...more, driver: "local" } } };
}

/** Notes that a volume was made ("create") or removed ("destroy"). */
export function emitVolume(name: string, action: string): void {
  append([volumeEvent(name, action)]);
}

/** Notes that a network was made ("create") or removed ("destroy"). */
export function emitNetwork(
  { id, name, driver }: { id: string; name: string; driver: string },
  action: string,
): void {
  append([{ Type: "network", Action: action, Actor: { ID: id, Attributes: { name, type: driver } } }]);
}

/** That a container came into a network ("connect") or left it ("disconnect"). */
export function endpointEvent(
  network: { id: string; name: string },
  container: string,
  action: "connect" | "disconnect",
): Event {
  const Attributes = { container, name: network.name, type: "bridge" };
  return { Type: "network", Action: action, Actor: { ID: network.id, Attributes } };
}

/**
 * What happens to a container's volumes when it starts and when it has ended; none where it has no volumes.
 */
export function volumeEvents(
  { id, config }: Pick<Container, "id" | "config">,
  action: "mount" | "unmount",
): Event[] {
  return config.mounts.filter(({ type }) => type === "volume").map(({ source, target, readOnly }) => {
    const where = { destination: target, propagation: "", "read/write": String(!readOnly) };
    return volumeEvent(source, action, { container: id, ...(action === "mount" ? where : {}) });
  });
}

/** Notes that all was removed that nobody uses, and how many bytes that gave. */
export function emitPrune(type: Event["Type"], reclaimed: number): void {
  append([{ Type: type, Action: "prune", Actor: { ID: "", Attributes: { reclaimed: String(reclaimed) } } }]);
}
