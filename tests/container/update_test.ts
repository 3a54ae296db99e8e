// update: other limits and another restart policy, for what runs and for what does not.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";

const idOf = async (box: Box, name: string) => (await box.inspect(name)).Id;

test("update: docker's refusals, for each container", async (box) => {
  await box.ok`run -d --rm --name one --cpus 0.5 -m 20m busybox sleep 1000`;
  const id = await idOf(box, "one");
  const refused = async (flags: string, stdout: string, ...errors: string[]) => {
    const { code, ...result } = await box.$`update ${flags.split(" ")}`;
    const stderr = errors.map((error) => `mydocker: ${error}\n`).join("");
    assertEquals([code, result.stdout, result.stderr], [1, stdout, stderr], flags);
  };
  const can = `Cannot update container ${id}: `;
  await refused("one", "", "you must provide one or more flags when using this command");
  await refused("-c 10 missing one", "one\n", "No such container: missing");
  await refused("-m 5m one", "", "Minimum memory limit allowed is 6MB");
  await refused(
    "-m 50m one",
    "",
    `${can}Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
  );
  await refused(
    "--cpu-quota 5000 one",
    "",
    `${can}Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set`,
  );
  await refused("--restart foo one", "", "invalid restart policy 'foo'");
  await refused(
    "--restart always one",
    "",
    `${can}Restart policy cannot be updated because AutoRemove is enabled for the container`,
  );
  await box.ok`rm -f one`;
});

test("update: memory is limited at once, and after the next start", async (box) => {
  await box.ok`run -d --name one -m 200m busybox sleep 1000`;
  await box.ok`update -m 10m --memory-swap 10m one`;
  assertEquals((await box.$`exec one tail /dev/zero`).code, 137);
  const { Memory, MemorySwap } = (await box.inspect("one")).HostConfig;
  assertEquals([Memory, MemorySwap], [10 << 20, 10 << 20]);
  await box.ok`restart -t 0 one`;
  assertEquals((await box.$`exec one tail /dev/zero`).code, 137);
  await box.ok`update -m 100m --memory-swap -1 one`;
  await box.ok`exec one sh -c ${"head -c 20m /dev/zero | tr '\\0' a | fold | sort | wc -c"}`;
  await box.ok`rm -f one`;
});

test("update --restart: the policy of what runs is another", async (box) => {
  await box.ok`run -d --name one busybox sleep 1000`;
  assertEquals(await box.ok`update --restart on-failure:1 one`, "one");
  assertEquals((await box.inspect("one")).HostConfig.RestartPolicy, {
    Name: "on-failure",
    MaximumRetryCount: 1,
  });
  const first = await box.pidOf("one");
  Deno.kill(first, "SIGKILL");
  await until("it runs again", async () => {
    const { Status, Pid } = (await box.inspect("one")).State;
    return Status === "running" && Pid !== first;
  });
  await box.ok`update --restart no one`;
  Deno.kill(await box.pidOf("one"), "SIGKILL");
  await until("it rests", async () => (await box.inspect("one")).State.Status === "exited");
  assertEquals((await box.$`wait one`).stdout, "137\n");
  assertStringIncludes(await box.ok`ps -a`, "Exited (137)");
  await box.ok`rm one`;
});
