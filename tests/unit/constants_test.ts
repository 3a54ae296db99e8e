// The numbers in ffi/constants.ts, beside the headers of this machine's C.

import { assertEquals } from "@std/assert";
import * as constants from "../../ffi/constants.ts";
import { bare, requires } from "../world/world.ts";

const HEADERS = [
  "errno",
  "fcntl",
  "limits",
  "poll",
  "signal",
  "time",
  "sys/mman",
  "sys/prctl",
  "sys/socket",
  "sys/stat",
];
const OF_LINUX = ["limits", "keyctl", "netlink", "rtnetlink", "if_addr"];
/** C has these as functions. */
const CASTS: Record<string, string> = { SIG_DFL: "(long)SIG_DFL", SIG_IGN: "(long)SIG_IGN" };

bare("constants: each has the value that C's headers have", async () => {
  const lines = [
    "#define _GNU_SOURCE",
    ...HEADERS.map((name) => `#include <${name}.h>`),
    "#include <net/if.h>",
    ...OF_LINUX.map((name) => `#include <linux/${name}.h>`),
    "#include <stdio.h>",
    "int main(void) {",
    ...Object.keys(constants).map((name) => `printf("${name} %ld\\n", (long)(${CASTS[name] ?? name}));`),
    "}",
  ];
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/constants.c`, lines.join("\n"));
    const script = "gcc -o constants constants.c && ./constants";
    const command = new Deno.Command("sh", { args: ["-c", script], cwd: folder });
    const { stdout, stderr } = await command.output();
    assertEquals(new TextDecoder().decode(stderr), "");
    const said = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split(" "));
    assertEquals(
      Object.fromEntries(said.map(([name, value]) => [name, Number(value)])),
      { ...constants },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, await requires("gcc"));
