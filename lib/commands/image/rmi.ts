// rmi: removes images, one after another. After a failure it continues with the others.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { isExpected } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { NoSuchImage, removeImage } from "../../image/remove.ts";

export const spec: CommandSpec = {
  name: "rmi",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Remove one or more images",
  aliases: ["image rm", "image remove"],
  flags: [
    {
      name: "force",
      short: "f",
      kind: "bool",
      help: "Force removal of the image",
    },
    { name: "no-prune", kind: "bool", help: "Do not delete untagged parents" },
  ],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const options = { force: parsed.bool("force"), prune: !parsed.bool("no-prune") };
  let code = 0;
  for (const reference of parsed.args) {
    try {
      const { lines } = await removeImage(reference, options);
      print(lines.map((line) => `${line}\n`).join(""));
    } catch (error) {
      if (!isExpected(error)) throw error;
      console.error(`mydocker: ${error.message}`);
      // With -f, as with rm(1), a missing image is no failure.
      if (!(options.force && error instanceof NoSuchImage)) code = 1;
    }
  }
  return code;
}
