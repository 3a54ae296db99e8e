// The kernel's keyrings: a container's commands find no key of whoever called mydocker.

import { assertEquals } from "@std/assert";
import { type Call, makeAttack, makeCalls, outcomes } from "./attacker.ts";
import { BIN, test } from "../world/world.ts";

const SESSION_KEYRING = -3;
const [GET_KEYRING_ID, JOIN_SESSION_KEYRING, SEARCH] = [0, 1, 10];

/** Finds the decoy, if it is in the session's keyring. */
const SEEK: Call[] = [
  ["keyctl", GET_KEYRING_ID, SESSION_KEYRING, 1],
  ["keyctl", SEARCH, SESSION_KEYRING, "user", "decoy", 0],
];

test("a key in the session of the caller is found neither by run nor by exec", async (box) => {
  makeCalls(box.path("attacker"), SEEK);
  // The filter lets nobody near keys, so that what is behind it is tried without.
  const flags = ["-v", `${box.dir}/attacker:/attacker:ro`, "--security-opt", "seccomp=unconfined"];
  /** Where a key has been put into a session of its own, what the script finds. */
  const inSession = async (script: string) => {
    makeAttack(box.path("caller"), (p, call) => {
      call("keyctl", [JOIN_SESSION_KEYRING, p.string("of the caller")]);
      call("add_key", [p.string("user"), p.string("decoy"), p.string("secret"), 6, SESSION_KEYRING]);
      const environment = Object.entries(box.environment()).map(([name, value]) => `${name}=${value}`);
      call("execve", [p.string("/bin/sh"), p.strings(["sh", "-c", script]), p.strings(environment)]);
    });
    const { code, out, stderr } = await box.exec`${box.path("caller")}`;
    assertEquals([code, stderr], [0, ""]);
    return outcomes(SEEK, out);
  };
  await box.ok`run -d --name main ${flags} busybox sleep 1000`;
  const ways = {
    outside: box.path("attacker"),
    run: `'${BIN}' run --rm ${flags.map((flag) => `'${flag}'`).join(" ")} busybox /attacker`,
    exec: `'${BIN}' exec main /attacker`,
    "exec by another user": `'${BIN}' exec -u 1000 main /attacker`,
  };
  for (const [way, script] of Object.entries(ways)) {
    assertEquals(await inSession(script), ["done", way === "outside" ? "done" : "ENOKEY"], way);
  }
  await box.ok`rm -f main`;
});
