// What a container's keeper is to do on its own: events to append, and what comes after the container's end.

import { callerEnvironment, selfPath } from "../base/environment.ts";
import { containerEvent, endpointEvent, volumeEvents } from "../events/emit.ts";
import { framesOf } from "../events/event.ts";
import { forgetRenamed } from "../events/names.ts";
import { rootPath } from "../store/root.ts";
import type { Joined } from "../network/join.ts";
import { nextDelay } from "./restart.ts";
import type { Restarts } from "../container/state.ts";
import type { Container, ContainerConfig } from "../model/container.ts";
import type { KeeperPlan, RestartPlan, Successor } from "../keeper/plan.ts";

/** What the keeper appends to the events. After a rename, the keeper puts the new name in place of `name`. */
export function lifeEvents(former: Container, endpoints: Joined["endpoints"] = []): KeeperPlan["events"] {
  const name = forgetRenamed(former.dir, former.config.name);
  const container = { ...former, config: { ...former.config, name } };
  const networks = (action: "connect" | "disconnect") =>
    endpoints.map(({ network, networkId }) =>
      endpointEvent({ id: networkId, name: network }, container.id, action)
    );
  const ended = [
    containerEvent(container, "die"),
    ...networks("disconnect"),
    ...volumeEvents(container, "unmount"),
  ];
  return {
    started: framesOf([
      ...networks("connect"),
      ...volumeEvents(container, "mount"),
      containerEvent(container, "start"),
    ]),
    ended: framesOf(ended),
    outOfMemory: framesOf([containerEvent(container, "oom")]),
    name,
  };
}

/** The keeper's actions after the container has ended. Its successor inherits the descriptor `lock`. */
export function aftermath(
  { id, config }: Container,
  lock: number,
  { count, delay }: Restarts,
): Pick<KeeperPlan, "finish" | "restart" | "removeGroups"> {
  if (config.autoRemove) return { finish: ourselves("rm", "-v", id) };
  const { name, maximumRetryCount } = config.restart;
  const spent = name === "on-failure" && maximumRetryCount > 0 && count >= maximumRetryCount;
  const when = name === "no" || spent ? "if updated" : name === "on-failure" ? "on failure" : "always";
  const restart: RestartPlan = {
    when,
    delay: nextDelay(delay),
    successor: ourselves("start-again", id, String(lock)),
  };
  return { restart, removeGroups: ourselves("remove-groups", id) };
}

/** The keeper's actions for the networks. Names exist on networks that users made, not on the default one. */
export function leavePlan(
  leave: Joined["leave"],
  { networks = [] }: ContainerConfig,
): KeeperPlan["networks"] {
  const named = networks.map(({ network }) => network).filter((name) => name !== "bridge");
  return {
    ...leave,
    repair: ourselves("repair-networks"),
    refresh: named.length > 0 ? ourselves("repair-networks", ...named) : undefined,
    unpublish: leave.ports && unpublish(leave.ports),
  };
}

/** A command for what remains to be done for ports. Rules of nf_tables disappear with their socket. */
function unpublish({ held, rules, udp }: NonNullable<Joined["leave"]["ports"]>): Successor | undefined {
  if (held && udp.length === 0) return undefined;
  return ourselves(
    "unpublish-ports",
    held ? "" : rules,
    ...udp.map(({ hostIp, hostPort }) => `${hostPort}@${hostIp}`),
  );
}

/** The present mydocker with other arguments. */
function ourselves(...args: string[]): Successor {
  const names = ["PATH", "HOME", "MYDOCKER_FIREWALL", "XDG_CACHE_HOME", "MYDOCKER_CACHE", "MYDOCKER_PRELINK"];
  const inherited = names.map((name) => [name, callerEnvironment(name)]).filter(([, value]) =>
    value !== undefined
  );
  const environment = [["MYDOCKER_ROOT", rootPath()], ...inherited].map((entry) => entry.join("="));
  return { path: selfPath(), argv: ["mydocker", ...args], environment };
}
