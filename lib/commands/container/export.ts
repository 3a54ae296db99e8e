// export: writes a container's own file system as a tar archive, without volumes and other mounts.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { checkOutput, writeOutput } from "../../cli/output_file.ts";
import { findContainer } from "../../container/find.ts";
import { emitContainer } from "../../events/emit.ts";
import { openRootfs } from "../../layer/overlay.ts";
import { pack } from "../../layer/pack.ts";

export const spec: CommandSpec = {
  name: "export",
  usage: "[OPTIONS] CONTAINER",
  summary: "Export a container's filesystem as a tar archive",
  aliases: ["container export"],
  flags: [
    {
      name: "output",
      short: "o",
      kind: "string",
      value: "string",
      help: "Write to a file, instead of STDOUT",
    },
  ],
  args: [1, 1],
};

export async function run(parsed: Parsed): Promise<number> {
  const output = parsed.text("output");
  checkOutput(output);
  const container = findContainer(parsed.args[0]);
  await writeOutput(output, (sink) => {
    const root = openRootfs(container.config);
    try {
      pack(root, sink, { overlay: false });
    } finally {
      file.close(root);
    }
  });
  emitContainer(container, "export");
  return 0;
}
