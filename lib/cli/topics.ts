// The overview pages: `mydocker --help`, `mydocker volume --help`.

import { overview } from "./help.ts";
import { CommandError } from "./error.ts";

/** Help on everything, or on one group of commands ("volume"), from the command table. */
export function overviewText(
  group: string | undefined,
  commands: Record<string, { summary?: string }>,
): string {
  const all = Object.entries(commands).flatMap(([name, { summary }]) => summary ? [{ name, summary }] : []);
  if (group === undefined) {
    return overview([{ title: "Commands", commands: all.filter(({ name }) => !name.includes(" ")) }, {
      title: "Management Commands",
      commands: [{ name: "volume", summary: "Manage volumes" }],
    }], { summary: "Docker's daily commands in one file, with no daemon" });
  }
  const members = all.filter(({ name }) => name.startsWith(`${group} `))
    .map(({ name, summary }) => ({ name: name.slice(group.length + 1), summary }));
  if (members.length === 0) {
    throw new CommandError(`'mydocker ${group}' needs a command. See 'mydocker --help'.`);
  }
  return overview([{ title: "Commands", commands: members }], { name: group, summary: `Manage ${group}s` });
}
