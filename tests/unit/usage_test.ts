// What is read off a cgroup's files, of either version.

import { assertEquals } from "@std/assert";
import { usageOf } from "../../lib/cgroup/usage.ts";
import { members } from "../../lib/cgroup/members.ts";
import { CONTROLLERS } from "../../lib/cgroup/types.ts";

function usageWith(version: 1 | 2, files: Record<string, string>) {
  const path = Deno.makeTempDirSync();
  try {
    for (const [name, content] of Object.entries(files)) Deno.writeTextFileSync(`${path}/${name}`, content);
    return usageOf([{ version, path, controllers: [...CONTROLLERS] }]);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

const NOTHING = { cpu: 0, memory: 0, memoryLimit: undefined, pids: 0, read: 0, written: 0 };

Deno.test("usage: cgroup v1", () => {
  const files = {
    "cpuacct.usage": "123456789\n",
    "memory.usage_in_bytes": "5000\n",
    "memory.limit_in_bytes": "67108864\n",
    "memory.stat": "inactive_file 1\ntotal_inactive_file 2000\n",
    "pids.current": "3\n",
    "blkio.throttle.io_service_bytes":
      "8:0 Read 4096\n8:0 Write 10\n8:0 Sync 5\n8:0 Total 4106\n8:16 Read 4\n8:16 Write 1\nTotal 4111\n",
  };
  const wanted = { cpu: 123456789, memory: 3000, memoryLimit: 67108864, pids: 3, read: 4100, written: 11 };
  assertEquals(usageWith(1, files), wanted);
  const unlimited = { ...files, "memory.limit_in_bytes": "9223372036854771712\n" };
  assertEquals(usageWith(1, unlimited), { ...wanted, memoryLimit: undefined });
  assertEquals(usageWith(1, {}), NOTHING);
});

Deno.test("usage: cgroup v2", () => {
  const files = {
    "cpu.stat": "usage_usec 52428000\nuser_usec 26924000\n",
    "memory.current": "5000\n",
    "memory.max": "67108864\n",
    "memory.stat": "file 3000\ninactive_file 2000\nactive_file 1000\n",
    "pids.current": "3\n",
    "io.stat":
      "254:32 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=7 dios=0\n254:0 rbytes=4 wbytes=11 rios=1 wios=1\n",
  };
  const wanted = { cpu: 52428000000, memory: 3000, memoryLimit: 67108864, pids: 3, read: 4100, written: 11 };
  assertEquals(usageWith(2, files), wanted);
  assertEquals(usageWith(2, { ...files, "memory.max": "max\n" }), { ...wanted, memoryLimit: undefined });
  assertEquals(usageWith(2, {}), NOTHING);
});

Deno.test("usage: more unused files than memory, as while they are given back, are not taken off", () => {
  const files = { "memory.current": "5\n", "memory.stat": "inactive_file 6\n" };
  assertEquals(usageWith(2, files).memory, 5);
});

Deno.test("usage: no group at all", () => {
  assertEquals(usageOf([]), NOTHING);
  assertEquals(members({ path: "/nonexistent" }), []);
});
