// version: shows versions. There is no server, but scripts ask for its version.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { FORMAT_OBJECT } from "../../cli/format_flag.ts";
import { compileTemplate } from "../../template/template.ts";
import { PLATFORM, VERSIONS } from "../../host/facts.ts";

export const spec: CommandSpec = {
  name: "version",
  usage: "[OPTIONS]",
  summary: "Show the mydocker version information",
  args: [0, 0],
  flags: [
    FORMAT_OBJECT,
  ],
};

/** Prints docker's two sections, or what --format asks for. */
export function run(parsed: Parsed): number {
  const format = parsed.text("format") ?? "";
  const template = format === "json" ? "{{json .}}" : format;
  console.log(template ? compileTemplate(template, { missingKey: "error" })(versions()) : layout());
  return 0;
}

function versions(): Record<string, unknown> {
  const common = {
    Platform: { Name: "" },
    Version: VERSIONS.mydocker,
    Os: PLATFORM.os,
    Arch: PLATFORM.arch,
  };
  const runtime = {
    DenoVersion: VERSIONS.deno,
    V8Version: VERSIONS.v8,
    TypeScriptVersion: VERSIONS.typescript,
  };
  return {
    Client: { ...common, ...runtime },
    Server: { ...common, KernelVersion: Deno.osRelease() },
  };
}

function layout(): string {
  const platform = `${PLATFORM.os}/${PLATFORM.arch}`;
  const client = [
    [" Version:", VERSIONS.mydocker],
    [" Deno version:", VERSIONS.deno],
    [" V8 version:", VERSIONS.v8],
    [" TypeScript version:", VERSIONS.typescript],
    [" OS/Arch:", platform],
  ];
  const server = [
    [" Version:", VERSIONS.mydocker],
    [" Kernel version:", Deno.osRelease()],
    [" OS/Arch:", platform],
  ];
  const lines = (rows: string[][]) => rows.map(([name, value]) => `${name.padEnd(21)}${value}`);
  return ["Client:", ...lines(client), "", "Server: none, commands do the work themselves", ...lines(server)]
    .join("\n");
}
