// Calls by which a container could change the kernel that it shares, or look into it: refused with docker's
// errno. With the arguments that they have here they would do nothing, or only to the process that makes
// them.

import { assert, assertEquals } from "@std/assert";
import { ALL_OF_KERNEL, allowedBy, KERNEL, KEXEC, MODULES, TICK } from "./calls.ts";
import { attack, attackOutside, type Outcome } from "./attacker.ts";
import { test } from "../world/world.ts";

/** That a kernel lacks a call altogether says nothing. */
function assertAllowed(capability: string, outcomes: Outcome[], where: string): void {
  const expected = KERNEL[capability].map(([, allowed], index) =>
    outcomes[index] === "ENOSYS" ? "ENOSYS" : allowed
  );
  assertEquals(outcomes, expected, where);
  assert(outcomes.some((outcome) => outcome !== "ENOSYS"));
}

test("outside of a container, all of them are allowed", async (box) => {
  for (const capability of Object.keys(KERNEL)) {
    assertAllowed(
      capability,
      attackOutside(box, allowedBy(capability), ["unshare", "--uts", "--pid", "--fork"]),
      "outside",
    );
  }
  assertEquals(
    attackOutside(box, [KEXEC]).filter((outcome) => outcome !== "ENOSYS" && outcome !== "EINVAL"),
    [],
  );
  await Promise.resolve();
});

test("keys, tracing, the clock, the kernel and its modules: refused", async (box) => {
  assertEquals(await attack(box, ALL_OF_KERNEL), ALL_OF_KERNEL.map(() => "EPERM"));
  assertEquals(await attack(box, [TICK]), ["EPERM"]);
  assertEquals(await attack(box, [TICK], ["--cap-add", "SYS_TIME"]), ["EINVAL"]);
});

test("each of them is allowed by the capability that is for it, and by no filter", async (box) => {
  assertAllowed("", await attack(box, allowedBy(""), ["--security-opt", "seccomp=unconfined"]), "unconfined");
  for (const capability of Object.keys(KERNEL).filter(Boolean)) {
    const flags = ["--cap-add", capability];
    assertAllowed(capability, await attack(box, allowedBy(capability), flags), flags.join(" "));
  }
  const unconfined = ["--security-opt", "seccomp=unconfined"];
  const [kexec] = await attack(box, [KEXEC], ["--cap-add", "SYS_BOOT", ...unconfined]);
  assert(kexec !== "EPERM");
  // The second wall, behind the filter.
  const guarded = [
    ...allowedBy("SYS_BOOT"),
    KEXEC,
    ...MODULES,
    allowedBy("SYS_TIME")[0],
    ...allowedBy("SYS_ADMIN").slice(2, 5),
  ];
  const refused = await attack(box, guarded, unconfined);
  assertEquals(refused.filter((outcome) => outcome !== "ENOSYS" && outcome !== "EPERM"), []);
}, { seconds: 60 });
