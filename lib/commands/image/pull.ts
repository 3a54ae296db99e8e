// pull: downloads an image, or all images of a repository, from a registry.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { parsePlatform } from "../../image/platform.ts";
import { canonicalName, formatReference, parseReference } from "../../base/reference.ts";
import { requireRoot } from "../../base/kernel.ts";
import { createClient } from "../../registry/client.ts";
import { createProgress, SILENT } from "../../cli/progress.ts";
import { pullImage, statusLine } from "../../registry/pull.ts";
import { parsePullReference, repositoryOf } from "../../registry/repository.ts";
import { listTags } from "../../registry/tags.ts";

export const spec: CommandSpec = {
  name: "pull",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Download an image from a registry",
  aliases: ["image pull"],
  flags: [
    { name: "all-tags", short: "a", kind: "bool", help: "Download all tagged images in the repository" },
    {
      name: "disable-content-trust",
      kind: "bool",
      help: "Ignored: mydocker does not verify signatures",
      hidden: true,
    },
    { name: "platform", kind: "string", help: "Platform of the image to pull (e.g., linux/arm64)" },
    { name: "quiet", short: "q", kind: "bool", help: "Suppress verbose output" },
  ],
  args: [1, 1],
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  const typed = parseReference(parsed.args[0]);
  const all = parsed.bool("all-tags");
  if (all && (typed.tag || typed.digest)) {
    throw new Failure("tag can't be used with --all-tags/-a");
  }
  const quiet = parsed.bool("quiet");
  const platform = { wanted: parsePlatform(parsed.text("platform")), given: parsed.given("platform") };
  const progress = quiet ? SILENT : createProgress("stdout");
  const client = createClient(repositoryOf(typed.name));
  const reference = all ? typed : parsePullReference(parsed.args[0]);
  if (!all && !typed.tag && !typed.digest && !quiet) print("Using default tag: latest\n");
  const wanted = all ? (await listTags(client)).map((tag) => ({ ...typed, tag })) : [reference];
  let updated = false;
  for (const each of wanted) updated = await pullImage(client, each, platform, progress) || updated;
  progress.line(statusLine(updated, formatReference(reference)));
  print(`${formatReference({ ...reference, name: canonicalName(reference.name) })}\n`);
  return 0;
}
