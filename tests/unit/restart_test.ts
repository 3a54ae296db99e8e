// Whether and when a restart policy starts a container again, as arithmetic.

import { assertEquals } from "@std/assert";
import { wantsRestart } from "../../lib/lifecycle/restart.ts";

Deno.test("restart policies: who is started again", () => {
  const onFailure = (maximumRetryCount: number, exitCode: number, count: number) =>
    wantsRestart({ name: "on-failure", maximumRetryCount }, exitCode, count);
  assertEquals([onFailure(0, 1, 1000), onFailure(0, 0, 0)], [true, false]);
  assertEquals([0, 1, 2, 3].map((count) => onFailure(2, 1, count)), [true, true, false, false]);
  for (const name of ["no", "always", "unless-stopped"] as const) {
    for (const exitCode of [0, 1]) {
      assertEquals(wantsRestart({ name, maximumRetryCount: 0 }, exitCode, 9), name !== "no", name);
    }
  }
});
