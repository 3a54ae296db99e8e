// Processes by number: when one has ended, its number may still be in use for something else.

import { assertEquals } from "@std/assert";
import { openPidfd } from "../../ffi/process.ts";

Deno.test("a number that is only a process group's is no process", () => {
  // The leader ends, and is waited for; what it started stays in its group, and keeps its number in use.
  const script = "sleep 1000 >/dev/null 2>&1 & echo $! $$";
  const { stdout } = new Deno.Command("setsid", { args: ["sh", "-c", script] }).outputSync();
  const [member, leader] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  try {
    assertEquals(openPidfd(leader), undefined);
  } finally {
    Deno.kill(member, "SIGKILL");
  }
});
