// The overview pages: `mydocker --help`, `mydocker volume --help`.

import { overview } from "./help.ts";
import { Refusal } from "../base/error.ts";
import { GROUPS } from "./command.ts";

/** Help about everything, or about one group of commands ("volume"), made from the command table. */
export function overviewText(
  group: string | undefined,
  commands: Record<string, { summary?: string }>,
  aliases: Record<string, string>,
): string {
  const all = Object.entries(commands).flatMap(([name, { summary }]) => summary ? [{ name, summary }] : []);
  if (group === undefined) {
    return overview([{ title: "Commands", commands: all.filter(({ name }) => !name.includes(" ")) }, {
      title: "Management Commands",
      commands: GROUPS.map((name) => ({ name, summary: purpose(name) })),
    }], { summary: "Docker's daily commands in one file, without a daemon" });
  }
  const inGroup = ([name]: string[]) => name.startsWith(`${group} `);
  const own = all.map(({ name }) => [name, name]).filter(inGroup);
  const listed = new Map<string, string>();
  // The first of a command's names is shown.
  for (const [name, target] of [...own, ...Object.entries(aliases).filter(inGroup)]) {
    if (![...listed.values()].includes(target)) listed.set(name, target);
  }
  const members = [...listed].sort().map(([name, target]) => {
    return { name: name.slice(group.length + 1), summary: commands[target.split(" --")[0]].summary! };
  });
  if (members.length === 0) {
    throw new Refusal(`'mydocker ${group}' needs a command. See 'mydocker --help'.`);
  }
  return overview([{ title: "Commands", commands: members }], { name: group, summary: purpose(group) });
}

function purpose(group: string): string {
  return group === "system" ? "Manage mydocker" : `Manage ${group}s`;
}
