// Who writes to a pipe can open it for reading, too: a container takes its output back at the moment when it
// is to be passed on. strace holds the keeper, or exec's helper, at that moment.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, requires, test, words } from "../world/world.ts";
import { FRAME_HEADER } from "../../lib/base/frames.ts";

const needs = { ...await requires("strace"), seconds: 120 };

/** As much as is moved without being read. */
const MUCH = 32768;
/** Writes it at once, takes it back, says how much that was, and has the pipe open until /go is there. */
const TAKE_BACK = `exec 3</proc/self/fd/1 2>/dev/null; rm -f /taken /go; dd if=/dev/zero bs=${MUCH} count=1
  { dd bs=65536 count=1 <&3 | wc -c >/taken.new; mv /taken.new /taken; until [ -e /go ]; do sleep 1; done; } &
  i=0; until [ -e /taken ] || [ $i = 20 ]; do i=$((i+1)); sleep 0.1; done`;
const TAKEN = `${MUCH}\n`;

/** A shell's line that finds mydocker as $D; each splice of what it starts begins a second later. */
const slowed = (box: Box, line: string) =>
  box.exec([
    ...words`timeout 30 strace -f -qq -o /dev/null -e trace=splice -e inject=splice:delay_enter=1000000`,
    ...words`env D=${BIN} sh -c ${line}`,
  ]);

/** Tries `attempt`, which returns what /taken says, until the container was faster. */
async function untilTaken(attempt: () => Promise<string>): Promise<void> {
  for (let round = 0; round < 5; round++) if (await attempt() === TAKEN) return;
  assert(false, "the container never was the faster one");
}

test("exec ends, whoever empties the pipe that it is about to move output from", async (box) => {
  await box.ok`run -d --name main --network none busybox sleep 1000`;
  await untilTaken(async () => {
    const line = `"$D" exec main sh -c '${TAKE_BACK}; exit 3'; echo $?; "$D" exec main touch /go`;
    const { stdout } = await slowed(box, line);
    assertEquals(stdout.split("\0").at(-1), "3\n");
    return (await box.$`exec main cat /taken`).stdout;
  });
  await box.ok`rm -f main`;
}, needs);

test("the log has whole frames, whatever is gone when they are to be written", async (box) => {
  await untilTaken(async () => {
    await slowed(box, `"$D" run -d --name main --network none busybox sh -c '${TAKE_BACK}; echo end'`);
    await box.ok`wait main`;
    const id = await box.ok`inspect -f ${"{{.Id}}"} main`;
    const log = Deno.readFileSync(`${box.root}/containers/${id}/log`);
    const view = new DataView(log.buffer);
    let at = 0;
    while (at < log.length) at += FRAME_HEADER + Number(view.getBigUint64(at + 24, true));
    assertEquals(at, log.length);
    const { stdout } = await box.$`cp main:/taken -`;
    await box.ok`rm main`;
    return stdout.includes(`\0${TAKEN}`) ? TAKEN : stdout;
  });
}, needs);
