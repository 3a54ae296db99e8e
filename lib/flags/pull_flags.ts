// The flags of run and create that are about pulling the image.

import type { Flag } from "../cli/command.ts";

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
