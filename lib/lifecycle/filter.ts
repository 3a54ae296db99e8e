// --filter of ps, with docker's names.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { hasLabel, namePattern, parseFilters } from "../cli/filter.ts";
import { goQuote } from "../template/go_text.ts";
import { layersOf } from "../image/config.ts";
import { parseReference } from "../base/reference.ts";
import { imageIds, readImage, resolveIfAny } from "../image/store.ts";
import { networksOf } from "../container/config.ts";
import { findContainerId, openContainer } from "../container/find.ts";
import type { ListedContainer } from "../container/list.ts";

type Test = (container: ListedContainer) => boolean;

export interface ContainerFilter {
  /** Whether every kind of filter lets the container through. */
  matches: Test;
  /** It filters by state, so containers that are not up are listed, too. */
  allStates: boolean;
}

const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const HEALTHS = ["none", "starting", "healthy", "unhealthy"];

/** The test for the values of each filter, by the filter's name. */
const TESTS: Record<string, (values: string[]) => Test> = {
  ancestor: anyOf(descendsFrom),
  before: anyOf((reference) => {
    const limit = createdOf(reference);
    return ({ config }) => config.created < limit;
  }),
  exited: anyOf((code) => {
    const wanted = exitCodeOf(code);
    return ({ state }) => state.status === "exited" && state.exitCode === wanted;
  }),
  expose: anyOf((port) => published("expose", port)),
  health: anyOf((health) => {
    if (!HEALTHS.includes(health)) refuse(`Unrecognised filter value for health: ${health}`);
    return () => health === "none"; // there are no health checks here
  }),
  id: anyOf((prefix) => ({ id }) => id.startsWith(prefix)),
  "is-task": (values) => {
    const known = values.every((value) => /^(true|1|false|0)$/.test(value));
    if (!known) refuse(`Invalid filter 'is-task=[${values.join(" ")}]'`);
    return () => values.some((value) => /^(false|0)$/.test(value)); // there is no swarm that has tasks
  },
  isolation: () => () => true, // Windows' business, as in docker
  label: (values) => ({ config }) => values.every((value) => hasLabel(config.process.Labels ?? {}, value)),
  name: anyOf((pattern) => {
    const matches = namePattern(pattern);
    return ({ config }) => matches(config.name) || matches(`/${config.name}`);
  }),
  network: anyOf((name) => ({ config }) => networksOf(config).some(({ network }) => network === name)),
  publish: anyOf((port) => published("publish", port)),
  since: anyOf((reference) => {
    const limit = createdOf(reference);
    return ({ config }) => config.created > limit;
  }),
  status: anyOf((status) => {
    if (!STATUSES.includes(status)) refuse(`Invalid filter 'status=${status}'`);
    return ({ state }) => state.status === status;
  }),
  volume: anyOf((volume) => ({ config }) =>
    config.mounts.some(({ type, source, target }) =>
      type !== "tmpfs" && (source === volume || target === volume)
    )
  ),
};

/**
 * Reads the values of --filter. Several of one kind let through what any of them does, but labels must all be
 * there; of different kinds, all count. Throws Failure in docker's words, a Refusal for what is no
 * name=value.
 */
export function containerFilter(values: string[]): ContainerFilter {
  const filters = parseFilters(values, "-f, --filter", Object.keys(TESTS));
  const tests = [...filters].map(([name, wanted]) => TESTS[name](wanted));
  return {
    matches: (container) => tests.every((test) => test(container)),
    allStates: filters.has("status"),
  };
}

function anyOf(make: (value: string) => Test): (values: string[]) => Test {
  return (values) => {
    const tests = values.map(make);
    return (container) => tests.some((test) => test(container));
  };
}

function refuse(problem: string): never {
  throw new Failure(problem);
}

/** The time a container was created, from its configuration. */
function createdOf(reference: string): string {
  const id = findContainerId(reference);
  const container = id === undefined ? undefined : openContainer(id);
  if (!container) return refuse(`no such container ${reference}`);
  file.close(container.dir);
  return container.config.created;
}

function exitCodeOf(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) refuse(`strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`);
  return Number(text);
}

/** "80", "80/tcp", "80-90/udp": ports of the host for `publish`, and of the container for `expose`. */
function published(filter: "expose" | "publish", text: string): Test {
  const [, ports, protocol = "tcp"] = /^([^/]*)(?:\/(.*))?$/s.exec(text)!;
  const range = ports.split("-");
  const wrong = range.find((port) => !/^\d+$/.test(port) || Number(port) > 65535);
  if (wrong !== undefined) {
    const problem = /^\d+$/.test(wrong) ? "value out of range" : "invalid syntax";
    const parsing = `strconv.ParseUint: parsing ${goQuote(wrong)}: ${problem}`;
    refuse(`error while looking up for ${filter} ${text}: ${parsing}`);
  }
  const [first, last = first] = range.map(Number);
  const matches = (port: number) => first <= port && port <= last;
  return (container) =>
    Object.entries(container.ports).some(([key, bindings]) => {
      const [port, kind] = key.split("/");
      if (kind !== protocol) return false;
      if (filter === "expose") return matches(Number(port));
      return (bindings ?? []).some(({ HostPort }) => matches(Number(HostPort)));
    });
}

/**
 * Whether a container's image is the one that `reference` stands for, was made from it, or has its layers
 * below its own. A missing image has no descendants.
 */
function descendsFrom(reference: string): Test {
  const hex = resolveImageIfAny(reference);
  if (hex === undefined) return () => false;
  const family = familyOf(`sha256:${hex}`);
  const image = readImage(hex);
  const layers = image ? layersOf(image) : [];
  return ({ config }) =>
    family.has(config.image) ||
    (layers.length > 0 && layers.length < config.layers.length &&
      layers.every((layer, at) => layer === config.layers[at]));
}

function resolveImageIfAny(reference: string): string | undefined {
  try {
    parseReference(reference);
  } catch (error) {
    if (error instanceof Failure) return undefined; // no name that an image can have
    throw error;
  }
  return resolveIfAny(reference)?.hex;
}

/** The image, the images committed from its containers, and so on ("sha256:HEX"). */
function familyOf(image: string): Set<string> {
  const parents = new Map(imageIds().map((hex) => [`sha256:${hex}`, readImage(hex)?.parent]));
  const family = new Set([image]);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const [child, parent] of parents) if (parent !== undefined && family.has(parent)) family.add(child);
  }
  return family;
}
