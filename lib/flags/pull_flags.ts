// The flags of run and create that are about pulling the image.

import type { Flag } from "../cli/command.ts";

export const PULL_FLAGS: Flag[] = [
  { name: "platform", kind: "string", help: "Platform of the image to pull, such as linux/arm64" },
  {
    name: "pull",
    kind: "string",
    help: "When to pull the image: always, missing or never",
    default: "missing",
  },
  { name: "quiet", short: "q", kind: "bool", help: "Don't show how pulling goes" },
];
