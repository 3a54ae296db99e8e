// info: shows the number of containers and images, what this host offers, and what it lacks.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { FORMAT_OBJECT } from "../../cli/format_flag.ts";
import { binarySize } from "../../base/human.ts";
import { compileTemplate } from "../../template/template.ts";
import { containerIds } from "../../container/find.ts";
import { type ContainerState, containerState } from "../../container/state.ts";
import { cgroups, mountTable, operatingSystem, PLATFORM, VERSIONS } from "../../host/facts.ts";
import { shortcomings } from "../../host/shortcomings.ts";
import { damageReport } from "../../housekeeping/damage.ts";
import { rootFd, rootPath } from "../../store/root.ts";

export const spec: CommandSpec = {
  name: "info",
  usage: "[OPTIONS]",
  summary: "Display system-wide information",
  aliases: ["system info"],
  args: [0, 0],
  flags: [
    FORMAT_OBJECT,
  ],
};

/** Prints docker's layout with the missing features at its end, or what --format asks for. */
export function run(parsed: Parsed): number {
  const format = parsed.text("format") ?? "";
  const template = format === "json" ? "{{json .}}" : format;
  const facts = collect();
  console.log(template ? compileTemplate(template, { missingKey: "error" })(facts) : layout(facts));
  return 0;
}

/** The facts under docker's names, where it has them. */
function collect() {
  const mounts = mountTable();
  const groups = cgroups(mounts);
  const { device, problem, damaged, ...counts } = inventory();
  const missing = shortcomings(groups);
  if (problem) missing.unshift(problem);
  return {
    ...counts,
    Driver: "overlay2",
    DriverStatus: [[
      "Backing Filesystem",
      mounts.find((mount) => mount.device === device)?.type ?? "unknown",
    ]],
    MemoryLimit: groups.controllers.has("memory"),
    PidsLimit: groups.controllers.has("pids"),
    CPUShares: groups.controllers.has("cpu"),
    CPUSet: groups.controllers.has("cpuset"),
    CgroupDriver: groups.layout === "none" ? "none" : "cgroupfs",
    CgroupVersion: { v1: "1", v2: "2", hybrid: "1", none: "" }[groups.layout],
    CgroupLayout: groups.layout,
    KernelVersion: Deno.osRelease(),
    OperatingSystem: operatingSystem(),
    OSType: PLATFORM.os,
    Architecture: Deno.build.arch,
    NCPU: navigator.hardwareConcurrency,
    MemTotal: Deno.systemMemoryInfo().total,
    DockerRootDir: rootPath(),
    Name: Deno.hostname(),
    ServerVersion: VERSIONS.mydocker,
    Warnings: [...missing, ...damaged].map((line) => `WARNING: ${line}`),
    Damaged: damaged,
  };
}

type Counts = Record<"Containers" | `Containers${"Running" | "Paused" | "Stopped"}` | "Images", number>;

/** The content of the root directory; if that can't be used, nothing and the reason. */
function inventory(): Counts & { device?: string; problem?: string; damaged: string[] } {
  const counts = {
    Containers: 0,
    ContainersRunning: 0,
    ContainersPaused: 0,
    ContainersStopped: 0,
    Images: 0,
  };
  try {
    const states = containerIds().map(statusOf);
    counts.Containers = states.length;
    counts.ContainersPaused = states.filter((status) => status === "paused").length;
    counts.ContainersRunning = states.filter((status) =>
      status === "running" || status === "restarting"
    ).length;
    counts.ContainersStopped = states.length - counts.ContainersRunning - counts.ContainersPaused;
    counts.Images = countImages();
    return { ...counts, device: file.stat(rootFd(), ".").device, damaged: damageReport() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...counts, problem: error.message, damaged: [] };
  }
}

/** Undefined for a container that was removed after it was listed. */
function statusOf(id: string): ContainerState["status"] | undefined {
  if (!file.statIfAny(rootFd(), `containers/${id}/lock`)) return undefined;
  const dir = file.openat(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  try {
    return containerState(dir).status;
  } finally {
    file.close(dir);
  }
}

function countImages(): number {
  const folder = file.openat(rootFd(), "images", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).filter(({ name }) => /^[0-9a-f]{64}\.json$/.test(name)).length;
  } finally {
    file.close(folder);
  }
}

function layout(facts: ReturnType<typeof collect>): string {
  const hybrid = facts.CgroupLayout === "hybrid" ? " (hybrid: version 2 beside it)" : "";
  const missing = facts.Warnings.map((line) => line.replace("WARNING: ", ""))
    .filter((line) => !facts.Damaged.includes(line)).map((line) => `  ${line}`);
  return [
    "Client:",
    ` Version: ${VERSIONS.mydocker}`,
    "",
    "Server: none, commands do the work themselves",
    ` Containers: ${facts.Containers}`,
    `  Running: ${facts.ContainersRunning}`,
    `  Paused: ${facts.ContainersPaused}`,
    `  Stopped: ${facts.ContainersStopped}`,
    ` Images: ${facts.Images}`,
    ` Server Version: ${facts.ServerVersion}`,
    ` Storage Driver: ${facts.Driver}`,
    ...facts.DriverStatus.map(([name, value]) => `  ${name}: ${value}`),
    ` Cgroup Driver: ${facts.CgroupDriver}`,
    ` Cgroup Version: ${facts.CgroupVersion || "none"}${hybrid}`,
    ` Kernel Version: ${facts.KernelVersion}`,
    ` Operating System: ${facts.OperatingSystem}`,
    ` OSType: ${facts.OSType}`,
    ` Architecture: ${facts.Architecture}`,
    ` CPUs: ${facts.NCPU}`,
    ` Total Memory: ${binarySize(facts.MemTotal)}`,
    ` Name: ${facts.Name}`,
    ` Docker Root Dir: ${facts.DockerRootDir}`,
    ` Missing on this host:${missing.length === 0 ? " nothing" : ""}`,
    ...missing,
    ...facts.Damaged.length > 0 ? [" Damaged:", ...facts.Damaged.map((line) => `  ${line}`)] : [],
  ].join("\n");
}
