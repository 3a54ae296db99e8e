// tag: one more name for an image.

import { close } from "../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../cli/command.ts";
import { failingWith1 } from "../image/failure.ts";
import { checkTag, findImage, lockImages, tagImage } from "../image/store.ts";
import { beginWork } from "../state/root.ts";

export const spec: CommandSpec = {
  name: "tag",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Give an image another name",
  aliases: ["image tag"],
  flags: [],
  args: [2, 2],
};

export function run(parsed: Parsed): Promise<number> {
  return failingWith1(async () => {
    const [source, target] = parsed.args;
    const tag = checkTag(target);
    await beginWork();
    const lock = lockImages("shared");
    try {
      await tagImage(findImage(source).id.slice("sha256:".length), tag);
    } finally {
      close(lock);
    }
    return 0;
  });
}
