// network ls: lists networks.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { type Filters, matchesLabels, namePattern, parseFilters, truthOf } from "../../cli/filter.ts";
import { formatRows, type Row } from "../../cli/format.ts";
import { shortId } from "../../base/human.ts";
import { print, printError } from "../../base/output.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { hasIpv6 } from "../../network/inspect.ts";
import { damagedNetworks, DEFAULT_NETWORKS, listNetworks, type Network } from "../../network/store.ts";
import { members } from "../../network/users.ts";

export const spec: CommandSpec = {
  name: "network ls",
  usage: "[OPTIONS]",
  summary: "List networks",
  aliases: ["network list"],
  args: [0, 0],
  flags: [
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help: "Provide filter values: dangling=, driver=, id=, label=, name=, scope= or type=builtin|custom",
    },
    FORMAT_ROWS,
    { name: "no-trunc", kind: "bool", help: "Do not truncate the output" },
    { name: "quiet", short: "q", kind: "bool", help: "Only display network IDs" },
  ],
};

const TITLES = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};
const COLUMNS = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
const FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];

export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "-f, --filter", FILTERS);
  await repairIfNeeded();
  const dangling = truthOf(filters, "dangling");
  const used = dangling === undefined ? [] : members().map(({ endpoint }) => endpoint.networkId);
  const shown = (await listNetworks()).filter((network) =>
    matches(network, filters) &&
    (dangling === undefined ||
      dangling === (!DEFAULT_NETWORKS.includes(network.name) && !used.includes(network.id)))
  );
  for (const name of damagedNetworks()) {
    const way = `remove it with: mydocker network rm -f ${name}`;
    printError(`mydocker: warning: network.json of network ${name} is missing or damaged; ${way}\n`);
  }
  const whole = parsed.bool("no-trunc");
  print(await formatRows(template(parsed), TITLES, shown.map((network) => row(network, whole))));
  return 0;
}

function matches(network: Network, filters: Filters): boolean {
  const any = (key: string, test: (wanted: string) => boolean) => filters.get(key)?.some(test) ?? true;
  const type = DEFAULT_NETWORKS.includes(network.name) ? "builtin" : "custom";
  return any("driver", (wanted) => wanted === network.driver) &&
    any("id", (wanted) => network.id.startsWith(wanted)) &&
    any("name", (wanted) => namePattern(wanted)(network.name)) &&
    any("scope", (wanted) => wanted === "local") &&
    any("type", (wanted) => wanted === type) &&
    matchesLabels(network.labels, filters);
}

function template(parsed: Parsed): string {
  const format = parsed.text("format") || "table";
  if (format !== "table") return format;
  return parsed.bool("quiet") ? "{{.ID}}" : COLUMNS;
}

function row(network: Network, whole: boolean): Row {
  return {
    ID: whole ? network.id : shortId(network.id),
    Name: network.name,
    Driver: network.driver,
    Scope: "local",
    IPv6: String(hasIpv6(network)),
    Internal: String(network.internal),
    Labels: Object.entries(network.labels).map(([key, value]) => `${key}=${value}`).sort().join(","),
    CreatedAt: `${network.created.replace("T", " ").replace("Z", "")} +0000 UTC`,
  };
}
