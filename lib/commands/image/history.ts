// history: shows the history of an image, the latest step first.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { FORMAT_ROWS } from "../../cli/format_flag.ts";
import { type Cutter, cutter } from "../../cli/columns.ts";
import { formatRows } from "../../cli/format.ts";
import { humanAgo, humanSize, shortId } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { type HistoryEntry, imageHistory } from "../../image/history.ts";
import { createdAt, NEVER } from "../../image/list.ts";
import { findImage } from "../../image/store.ts";

export const spec: CommandSpec = {
  name: "history",
  usage: "[OPTIONS] IMAGE",
  summary: "Show the history of an image",
  aliases: ["image history"],
  flags: [
    FORMAT_ROWS,
    {
      name: "human",
      short: "H",
      kind: "bool",
      default: true,
      help: "Print sizes and dates in human readable format",
    },
    { name: "no-trunc", kind: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", kind: "bool", help: "Only show image IDs" },
  ],
  args: [1, 1],
};

const TITLES = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};
/** docker's name for images whose layers came from elsewhere. */
const MISSING = "<missing>";
const MAX_COMMAND = 45;

export async function run(parsed: Parsed): Promise<number> {
  const steps = imageHistory(findImage(parsed.args[0]));
  const cut = parsed.bool("no-trunc") ? undefined : await cutter(steps.map(commandOf));
  const rows = steps.map((entry) => row(entry, parsed.bool("human"), cut));
  print(await formatRows(formatOf(parsed), TITLES, rows));
  return 0;
}

function formatOf(parsed: Parsed): string {
  const format = parsed.text("format");
  if (parsed.bool("quiet") && (!format || format === "table")) return "{{.ID}}";
  if (format && format !== "table") return format;
  const created = parsed.bool("human") ? "CreatedSince" : "CreatedAt";
  return `table {{.ID}}\t{{.${created}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
}

const commandOf = (step: HistoryEntry) => (step.created_by ?? "").replaceAll("\t", " ");

/** What is shown of a step; whole without `cut`. */
function row(step: HistoryEntry, human: boolean, cut?: Cutter): Record<string, string> {
  const { id, size } = step;
  const created = createdAt(step);
  return {
    ID: id === undefined ? MISSING : cut ? shortId(id) : id,
    CreatedAt: created > NEVER ? new Date(created).toISOString().replace(/\.\d+/, "") : "",
    CreatedSince: created > NEVER ? humanAgo(Math.max(0, (Date.now() - created) / 1000)) : "N/A",
    CreatedBy: cut ? cut(commandOf(step), MAX_COMMAND) : commandOf(step),
    Size: human ? humanSize(size, 3) : String(size),
    Comment: step.comment ?? "",
  };
}
