// The flags of run and create about pulling the image.

import { Refusal } from "../base/error.ts";
import type { Flag, Parsed } from "../cli/command.ts";

export const PULL_FLAGS: Flag[] = [
  { name: "platform", kind: "string", help: "Platform of the image to pull (e.g., linux/arm64)" },
  {
    name: "pull",
    kind: "string",
    help: 'Pull image before creating ("always", "missing", "never")',
    default: "missing",
  },
  { name: "quiet", short: "q", kind: "bool", help: "Suppress the pull output" },
];

/** The values of these flags. */
export interface PullOptions {
  when: "always" | "missing" | "never";
  /** As given: "linux/arm64". */
  platform?: string;
  quiet: boolean;
}

/** Throws Refusal for an invalid --pull. */
export function pullOptions(parsed: Parsed): PullOptions {
  const given = parsed.text("pull") || "missing";
  const when = (["always", "missing", "never"] as const).find((word) => word === given);
  if (when) return { when, platform: parsed.text("platform") || undefined, quiet: parsed.bool("quiet") };
  throw new Refusal(`invalid pull option: '${given}': must be one of "always", "missing" or "never"`);
}
