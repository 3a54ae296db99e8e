// Events as text: docker's line, JSON, or the output of a template.

import { Failure } from "../base/error.ts";
import { compileTemplate } from "../template/template.ts";
import { goJson } from "../template/funcs.ts";
import { localTimestamp } from "../base/time.ts";
import type { StoredEvent } from "./event.ts";

/**
 * Returns a function that formats an event by --format, without the line's end. Throws Failure (kind
 * "template") for an invalid template.
 */
export function eventFormat(format: string | undefined): (event: StoredEvent) => string {
  if (!format) return lineOf;
  try {
    const source = format === "json" ? "{{json .}}" : format;
    const render = compileTemplate(source, {
      missingKey: "error",
      functions: { json: { min: 1, max: 1, call: json } },
    });
    // Renders an empty event, so that a field that no event has is reported before the first event comes.
    render(message({ Type: "container", Action: "", Actor: { ID: "", Attributes: {} }, time: EPOCH }));
    return (event) => render(message(event));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(parsingError(error.message), { kind: "template", cause: error });
  }
}

const EPOCH = { seconds: 0, nanoseconds: 0 };

/** In docker's words, for which the message is a structure. */
function parsingError(problem: string): string {
  return problem.replace("template parsing error", "Error parsing format").replace(
    /at <([^>]*)>: map has no entry for key "(\w+)"/,
    (_, source, field) => {
      const type = source.startsWith(".Actor.") ? "events.Actor" : "*events.Message";
      return `at <${source}>: can't evaluate field ${field} in type ${type}`;
    },
  );
}

function lineOf({ Type, Action, Actor: { ID, Attributes }, time }: StoredEvent): string {
  const attributes = sorted(Attributes).map(([name, value]) => `${name}=${value}`).join(", ");
  return `${localTimestamp(time)} ${Type} ${Action} ${ID}${attributes && ` (${attributes})`}`;
}

function sorted(attributes: Record<string, string>): [string, string][] {
  return Object.entries(attributes).sort(([a], [b]) => a < b ? -1 : 1);
}

/** An event with the names of docker's templates. The first three are from an older API. */
interface Message {
  Status: string;
  ID: string;
  From: string;
  Type: string;
  Action: string;
  Actor: StoredEvent["Actor"];
  Scope: string;
  Time: number;
  /** Too large for a number. */
  TimeNano: bigint;
}

function message({ Type, Action, Actor, time }: StoredEvent): Message {
  const old = Type === "container" || Type === "image";
  return {
    Status: old ? Action : "",
    ID: old ? Actor.ID : "",
    From: Type === "container" ? Actor.Attributes.image ?? "" : "",
    Type,
    Action,
    Actor: { ID: Actor.ID, Attributes: Object.fromEntries(sorted(Actor.Attributes)) },
    Scope: "local",
    Time: time.seconds,
    TimeNano: nanoseconds(time),
  };
}

function nanoseconds({ seconds, nanoseconds }: StoredEvent["time"]): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** The template's json: a message in docker's order, without the older fields that are empty. */
function json(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null || !("TimeNano" in value)) return goJson(value);
  const { Status, ID, From, Type, Action, Actor, Scope, Time, TimeNano } = value as Message;
  const old = Object.entries({ status: Status, id: ID, from: From }).filter(([, text]) => text !== "");
  const fields = { ...Object.fromEntries(old), Type, Action, Actor, scope: Scope, time: Time };
  return goJson(fields).replace(/\}$/, `,"timeNano":${TimeNano}}`);
}
