// commit: creates an image with a container's changes as one more layer, and with its configuration.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { placeholderFilter } from "../../lifecycle/placeholders.ts";
import { step } from "../../base/debug.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { findContainer } from "../../container/find.ts";
import { containerState } from "../../container/state.ts";
import { emitContainer, emitImage } from "../../events/emit.ts";
import { applyChanges, CHANGE_FLAG } from "../../image/change.ts";
import { hostArchitecture, type ImageConfig } from "../../image/config.ts";
import { timestamp } from "../../base/time.ts";
import { configBytes, publish } from "../../image/publish.ts";
import { checkTag, lockImages, readImage } from "../../image/store.ts";
import { pack } from "../../layer/pack.ts";
import { beginLayer, type Layer, staged, type Staging } from "../../layer/store.ts";
import { rootFd } from "../../store/root.ts";
import type { Container, ContainerConfig, ProcessConfig } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "commit",
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  summary: "Create a new image from a container's changes",
  aliases: ["container commit"],
  flags: [
    {
      name: "author",
      short: "a",
      kind: "string",
      help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    CHANGE_FLAG,
    { name: "message", short: "m", kind: "string", help: "Commit message" },
    {
      name: "pause",
      short: "p",
      kind: "bool",
      default: true,
      help: "Pause container during commit",
    },
  ],
  args: [1, 2],
};

/** What the words say. Throws Failure where the image can't be called so. */
function commitOptions(parsed: Parsed) {
  const [reference, name] = parsed.args;
  const [author, comment] = [parsed.text("author"), parsed.text("message")];
  return {
    reference,
    tag: name ? checkTag(name) : undefined,
    /** Instructions of a Dockerfile. */
    changes: parsed.list("change"),
    pause: parsed.bool("pause"),
    signed: { ...(author ? { author } : {}), ...(comment ? { comment } : {}) },
  };
}

export async function run(parsed: Parsed): Promise<number> {
  const { reference, tag, changes, pause, signed } = commitOptions(parsed);
  const id = await staged("commit", async (staging) => {
    // The lock is taken before the look-up: while the container exists, its layers do.
    const lock = lockImages("shared");
    try {
      const container = findContainer(reference);
      const process = applyChanges(processOf(container.config), changes);
      const layer = await whilePaused(
        container,
        pause,
        () => commitUpper(staging, container),
      );
      const image = imageOf(container.config, process, layer, signed);
      const wanted = { config: configBytes(image), references: tag === undefined ? [] : [tag] };
      const [imageID] = await publish(staging, layer ? [{ layer, staging }] : [], [wanted]);
      if (tag !== undefined) emitImage({ id: imageID, labels: image.config.Labels }, "tag", tag);
      emitContainer(container, "commit", { comment: image.comment ?? "", imageID, imageRef: tag ?? "" });
      return imageID;
    } finally {
      file.close(lock);
    }
  });
  print(`${id}\n`);
  return 0;
}

/** Anonymous volumes become the image's; those with names are the user's. */
function processOf({ process, mounts }: ContainerConfig): ProcessConfig {
  const anonymous = mounts.filter((mount) => mount.type === "volume" && mount.anonymous);
  if (anonymous.length === 0) return process;
  return {
    ...process,
    Volumes: { ...process.Volumes, ...Object.fromEntries(anonymous.map(({ target }) => [target, {}])) },
  };
}

/** Calls `work` while the container's processes don't run, if `wanted`. A paused container stays paused. */
async function whilePaused<T>(container: Container, wanted: boolean, work: () => Promise<T>): Promise<T> {
  if (!wanted || containerState(container.dir).status !== "running") return await work();
  const { pauseContainer, unpauseContainer } = await import("../../lifecycle/pause.ts");
  try {
    await pauseContainer(container);
  } catch (error) {
    // It has ended meanwhile, or somebody else has paused it. Its processes don't run in either case.
    if (!(error instanceof Failure) || containerState(container.dir).status === "running") throw error;
    return await work();
  }
  try {
    return await work();
  } finally {
    if (containerState(container.dir).status === "paused") unpauseContainer(container);
  }
}

/** The writable layer as a complete layer in the staging directory; undefined if nothing was changed. */
async function commitUpper(staging: Staging, { id, dir, config }: Container): Promise<Layer | undefined> {
  const upper = file.openat(dir, "upper", file.O_RDONLY | file.O_DIRECTORY);
  const writer = await beginLayer(staging);
  let layer: Layer;
  let count: number;
  try {
    count = pack(upper, writer.push, { overlay: true, omit: placeholderFilter(upper, config.layers) });
    layer = writer.end();
    step(`${count} changes packed as layer ${layer.diffId}`);
  } finally {
    writer.close();
    file.close(upper);
  }
  // rm moves the directory away first, and files that vanish during the read look as if they had never
  // existed.
  if (!file.statIfAny(rootFd(), `containers/${id}`)) {
    throw new Failure(`container ${id.slice(0, 12)} was removed while it was being committed`);
  }
  return count === 0 ? undefined : layer;
}

function imageOf(
  container: ContainerConfig,
  process: ProcessConfig,
  layer: Layer | undefined,
  signed: Pick<ImageConfig, "author" | "comment">,
): ImageConfig {
  const created = timestamp();
  const parent = readImage(container.image.replace(/^sha256:/, ""));
  const step = { created, created_by: container.argv.join(" "), ...signed };
  return {
    architecture: parent?.architecture ?? hostArchitecture(),
    os: parent?.os ?? "linux",
    ...(parent?.variant ? { variant: parent.variant } : {}),
    ...signed,
    created,
    config: process,
    rootfs: {
      type: "layers",
      diff_ids: [...container.layers.map((hex) => `sha256:${hex}`), ...(layer ? [layer.diffId] : [])],
    },
    history: [...parent?.history ?? [], layer ? step : { ...step, empty_layer: true }],
    container: container.id,
    ...(parent ? { parent: container.image } : {}),
  };
}
