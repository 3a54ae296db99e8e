// Injecting keystrokes into the terminal that mydocker is called on: what runs there next would execute them,
// with the caller's rights.

import { assertEquals } from "@std/assert";
import { type Call, makeCalls } from "./attacker.ts";
import { BIN, type Box, test, until } from "../world/world.ts";
import { type Terminal, terminalOf } from "../world/pty.ts";
import { AT_FDCWD, O_RDWR } from "../../ffi/file.ts";

const [TIOCSTI, TIOCLINUX, TIOCSCTTY] = [0x5412, 0x541c, 0x540e];

/** Pastes a selection of the console, which no pseudo terminal has. */
const PASTE = new Uint8Array([3]);

/** Types `text` on what the attacker has as 0, 1 and 2, and on its controlling terminal. */
function typing(text: string): Call[] {
  const calls: Call[] = [["openat", AT_FDCWD, "/dev/tty", O_RDWR, 0]];
  for (const fd of [0, 1, 2, { of: 0 }]) {
    calls.push(["ioctl", fd, TIOCSCTTY, 1]);
    for (const key of text) calls.push(["ioctl", fd, TIOCSTI, key]);
    calls.push(["ioctl", fd, TIOCLINUX, PASTE]);
  }
  return calls;
}

/** Makes an attacker that types a command, and says how to see whether that was executed. */
function makeTyper(box: Box): { executed: () => boolean } {
  makeCalls(box.path("typer"), typing(`: >${box.dir}/typed\n`));
  const executed = () => {
    try {
      return Deno.statSync(box.path("typed")).isFile;
    } catch {
      return false;
    }
  };
  return { executed };
}

/** A shell that has a prompt. */
async function shell(box: Box): Promise<Terminal> {
  const terminal = terminalOf(box, ["env", "PS1=ready> ", "sh", "-i"]);
  await terminal.expect("ready> ");
  return terminal;
}

test("who has the terminal can type on it", async (box) => {
  const { executed } = makeTyper(box);
  await using terminal = await shell(box);
  terminal.send("./typer >/dev/null\r");
  await until("it is executed", executed);
});

test("no container can type on the caller's terminal", async (box) => {
  const { executed } = makeTyper(box);
  await box.ok`run -d --name c1 -v ${box.dir}/typer:/typer:ro busybox sleep 1000`;
  await using terminal = await shell(box);
  const run = (flags: string) => `${BIN} run --rm ${flags} -v ${box.dir}/typer:/typer:ro busybox /typer`;
  const lines = [
    ...["", "-i", "-it", "-it --init", "-it --security-opt seccomp=unconfined", "-a stdout -a stderr"].map(
      run,
    ),
    ...["", "-i", "-it", "-it --privileged"].map((flags) => `${BIN} exec ${flags} c1 /typer`),
  ];
  for (const line of lines) {
    terminal.send(`${line} | wc -c; echo over $((1 + 1))\r`);
    await terminal.expect("over 2");
    await terminal.expect("ready> ");
    assertEquals(executed(), false, line);
  }
  await box.ok`rm -f c1`;
}, { seconds: 60 });
