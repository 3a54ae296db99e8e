// Pulling for `run` and `create`: as `pull`, on stderr.

import { printError } from "../base/output.ts";
import { fitness, parsePlatform, type Platform } from "../image/platform.ts";
import { formatReference } from "../base/reference.ts";
import { readImage, resolveIfAny } from "../image/store.ts";
import { createClient } from "./client.ts";
import { createProgress, SILENT } from "../cli/progress.ts";
import { pullImage, statusLine } from "./pull.ts";
import { parsePullReference, repositoryOf } from "./repository.ts";

/** Pulls an image unless it is here and that will do. Throws Failure. */
export async function pullForContainer({ image, always, platform, quiet }: PullRequest): Promise<void> {
  const wanted = parsePlatform(platform);
  const given = platform !== undefined;
  const here = isHere(image, given ? wanted : undefined);
  if (here && !always) return;
  const reference = parsePullReference(image);
  const shown = formatReference(reference);
  if (!always && !quiet) printError(`Unable to find image '${shown}' locally\n`);
  const progress = quiet ? SILENT : createProgress("stderr");
  const updated = await pullImage(
    createClient(repositoryOf(reference.name)),
    reference,
    { wanted, given },
    progress,
  );
  progress.line(statusLine(updated, shown));
}

function isHere(image: string, wanted: Platform | undefined): boolean {
  const resolved = resolveIfAny(image);
  if (!resolved || !wanted) return resolved !== undefined;
  const config = readImage(resolved.hex);
  return config !== undefined && fitness(wanted, config) !== undefined;
}

/** What a container wants of the registries. */
export interface PullRequest {
  image: string;
  /** Also if it is here. */
  always: boolean;
  platform: string | undefined;
  quiet: boolean;
}
