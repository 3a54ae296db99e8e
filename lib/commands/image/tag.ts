// tag: gives an image one more name.

import { close } from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { parseReference } from "../../base/reference.ts";
import { checkTag, findImage, lockImages, tagImage } from "../../image/store.ts";
import { beginWork } from "../../store/root.ts";

export const spec: CommandSpec = {
  name: "tag",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  aliases: ["image tag"],
  flags: [],
  args: [2, 2],
};

export async function run(parsed: Parsed): Promise<number> {
  const [source, target] = parsed.args;
  const tag = checkTarget(target);
  await beginWork();
  const lock = lockImages("shared");
  try {
    await tagImage(findImage(source).id.slice("sha256:".length), tag);
  } finally {
    close(lock);
  }
  return 0;
}

/** Only here do docker's messages repeat what was typed. */
function checkTarget(text: string): string {
  try {
    parseReference(text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const shown = `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag`;
    throw new Failure(`${shown}: ${error.message}`, { cause: error });
  }
  return checkTag(text);
}
