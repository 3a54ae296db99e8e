// An image as `inspect` shows it, in docker's shape.

import { rootPath } from "../store/root.ts";
import { layersOf } from "./config.ts";
import { imageSize } from "./list.ts";
import { isReference } from "../base/reference.ts";
import { sortedByKey } from "../base/sorted.ts";
import { digestsByImage, findImageIfAny, type Image, tagsByImage, tagTime } from "./store.ts";
import type { ProcessConfig } from "../model/container.ts";

/** The image that `reference` names, as `inspect` shows it; undefined where there is none. */
export function inspectImage(reference: string): Record<string, unknown> | undefined {
  const image = isReference(reference) ? findImageIfAny(reference) : undefined;
  return image && imageInspect(image);
}

/** The image as in docker's `image inspect`, with fields in docker's order for JSON.stringify. */
function imageInspect({ id, config: image }: Image): Record<string, unknown> {
  const hex = id.slice("sha256:".length);
  const tags = tagsByImage().get(hex) ?? [];
  const size = imageSize(image);
  const config = containerShape(image.config ?? {});
  return {
    Id: id,
    RepoTags: tags,
    RepoDigests: digestsByImage().get(hex) ?? [],
    Parent: image.parent ?? "",
    Comment: image.comment ?? image.history?.at(-1)?.comment ?? "",
    Created: image.created ?? "0001-01-01T00:00:00Z",
    Container: image.container ?? "",
    ContainerConfig: containerShape({}),
    DockerVersion: "",
    Author: image.author ?? "",
    Config: config,
    Architecture: image.architecture,
    Variant: image.variant,
    Os: image.os,
    OsVersion: undefined,
    Size: size,
    VirtualSize: size,
    GraphDriver: { Data: graphData(layersOf(image)), Name: "overlay2" },
    RootFS: { Type: "layers", Layers: image.rootfs.diff_ids },
    Metadata: { LastTagTime: tags.map(tagTime).sort().at(-1) ?? "0001-01-01T00:00:00Z" },
  };
}

/** The places of the layers; images have no mount point. */
function graphData(layers: string[]): Record<string, string> {
  const [top, ...lower] = layers.map((hex) => `${rootPath()}/layers/${hex}/diff`).reverse();
  return {
    ...(lower.length > 0 ? { LowerDir: lower.join(":") } : {}),
    ...(top === undefined ? {} : { UpperDir: top }),
  };
}

/**
 * docker's shape of a container configuration, including fields that images never have. Unset fields are
 * null, or undefined, which JSON leaves out.
 */
function containerShape(config: ProcessConfig): Record<string, unknown> {
  return {
    Hostname: "",
    Domainname: "",
    User: config.User ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: sortedByKey(config.ExposedPorts),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    Healthcheck: config.Healthcheck,
    Image: "",
    Volumes: sortedByKey(config.Volumes) ?? null,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: sortedByKey(config.Labels) ?? null,
    StopSignal: config.StopSignal || undefined,
    Shell: config.Shell,
  };
}
