// A container's /etc/resolv.conf (resolv.conf(5)): the host's, without servers that only the host can reach.

import type { ContainerConfig } from "../model/container.ts";

const HOST_FILE = "/etc/resolv.conf";
/** Where systemd-resolved lists the servers behind its own 127.0.0.53 (systemd-resolved(8)). */
const BEHIND_RESOLVED = "/run/systemd/resolve/resolv.conf";
/** Docker's servers, for hosts that have none to share. */
const FALLBACK = ["8.8.8.8", "8.8.4.4"];

/** The file's content for a container with this configuration. */
export function resolvers({ network, dns }: Pick<ContainerConfig, "network" | "dns">): string {
  const host = hostFile();
  const shared = network === "host" ? host : reachable(host);
  if (!dns) return shared;
  const { servers, search, options } = dns;
  const lines = shared.split("\n");
  // The host's values stand in for those that are not given.
  const given = (words: string[], keyword: string) => words.length > 0 ? words : valuesOf(lines, keyword);
  const domains = given(search, "search");
  return [
    ...domains.length > 0 && domains.join(" ") !== "." ? [`search ${domains.join(" ")}`] : [],
    ...given(servers, "nameserver").map((server) => `nameserver ${server}`),
    ...given(options, "options").length > 0 ? [`options ${given(options, "options").join(" ")}`] : [],
    "",
  ].join("\n");
}

function valuesOf(lines: string[], keyword: string): string[] {
  return lines.map((line) => line.trim().split(/\s+/)).filter(([first]) => first === keyword)
    .flatMap(([, ...values]) => values);
}

function hostFile(): string {
  const text = read(HOST_FILE);
  const servers = valuesOf(text.split("\n"), "nameserver");
  return servers.length === 1 && servers[0] === "127.0.0.53" ? read(BEHIND_RESOLVED) || text : text;
}

/** Drops name servers on the host's loopback interface, or on a link that the container does not have. */
function reachable(text: string): string {
  const lines = text.split("\n").filter((line) =>
    !/^\s*nameserver\s+(127\.|::1\s*$|::ffff:127\.|fe80:)/i.test(line)
  );
  if (valuesOf(lines, "nameserver").length > 0) return lines.join("\n");
  const rest = lines.join("\n").replace(/\n*$/, "");
  return `${rest && `${rest}\n`}${FALLBACK.map((server) => `nameserver ${server}\n`).join("")}`;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
