// Arguments, variables, paths and names are bytes to the kernel, and need not be UTF-8: they come in and go
// out as they are. Only what is shown to people, as text or JSON, has U+FFFD in their place.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

/**
 * What no decoder of UTF-8 takes: stray bytes, a surrogate, a sequence that is cut short, and one that is
 * none.
 */
const ODD = "\\377\\376_\\355\\240\\200_\\303\\050_\\342\\202";
const HEX = "ff fe 5f ed a0 80 5f c3 28 5f e2 82";
/** What a container runs to print its first argument and its variable in hexadecimal. */
const PRINT = ["sh", "-c", `'printf %s "$1" "$V" | od -An -v -tx1'`, "sh"].join(" ");

/** Runs a shell script in which `m` is mydocker and `$odd` such bytes; its output is theirs. */
async function script(box: Box, lines: string, env: Record<string, string> = {}): Promise<string> {
  const text = `set -eu; odd=$(printf '${ODD}'); m() { ${BIN} "$@"; }\n${lines}`;
  const { code, stdout, stderr, out } = await box.exec(words`sh -c ${text}`, { env });
  assertEquals([code, stderr], [0, ""], `${lines}: ${stdout}${stderr}`);
  new TextDecoder("utf-8", { fatal: true }).decode(out);
  return stdout;
}

const hexadecimal = (output: string) => output.split(/\s+/).filter((word) => word !== "").join(" ");

test("bytes: arguments and variables of run, create, start and exec", async (box) => {
  const cases = [
    `m run --rm -e V="$odd" busybox ${PRINT} "$odd"`,
    `export V="$odd"; m run --rm -e V busybox ${PRINT} "$odd"`,
    `printf 'V=%s\\n' "$odd" >envs; m run --rm --env-file envs busybox ${PRINT} "$odd"`,
    `m create -q --name c1 -e V="$odd" busybox ${PRINT} "$odd" >/dev/null; m start -a c1`,
    `m start -a c1`,
    `m run -d --name c2 -e V="$odd" busybox sleep 1000 >/dev/null; m exec c2 ${PRINT} "$odd"`,
    `m exec -e V="$odd" c2 ${PRINT} "$odd"`,
    `export V="$odd"; m exec -e V c2 ${PRINT} "$odd"`,
    `m commit -c "ENV V=$odd" -c "CMD [\\"x\\"]" c2 image >/dev/null; m run --rm image ${PRINT} "$odd"`,
  ];
  for (const line of cases) assertEquals(hexadecimal(await script(box, line)), `${HEX} ${HEX}`, line);
  // A keeper that starts its container again reads them from the record.
  await script(
    box,
    `m run -d --name c3 --restart on-failure:1 -e V="$odd" busybox sh -c \\
    'printf %s "$1" "$V" | od -An -v -tx1; exit 1' sh "$odd" >/dev/null`,
  );
  await until("it has run twice", async () => (await box.inspect("c3")).RestartCount === 1);
  await box.ok`wait c3`;
  assertEquals(hexadecimal(await box.ok`logs c3`), Array(4).fill(HEX).join(" "));
  // What is valid stays it, also where it is what others become.
  const replaced = await script(
    box,
    `m run --rm busybox echo "$(printf '\\357\\277\\275 \\360\\237\\230\\200') $odd" | od -An -v -tx1`,
  );
  assertEquals(hexadecimal(replaced), `ef bf bd 20 f0 9f 98 80 20 ${HEX} 0a`);
  await box.ok`rm -f c1 c2 c3`;
});

test("bytes: paths of -v, -w, cp, and the current directory", async (box) => {
  const made = `mkdir "dir$odd"; cd "dir$odd"; echo inside >"file$odd"`;
  await script(box, made);
  const enter = `cd "dir$odd"`;
  const list = "sh -c 'pwd; echo *' | od -An -v -tx1";
  const hexOf = async (text: string) => hexadecimal(await script(box, `printf '${text}' | od -An -v -tx1`));
  const listed = await hexOf(`/to${ODD}\\nfile${ODD}\\n`);
  assertEquals(
    hexadecimal(await script(box, `${enter}; m run --rm -v "$PWD:/to$odd" -w "/to$odd" busybox ${list}`)),
    listed,
  );
  await script(
    box,
    `m run --rm -v "$PWD/new$odd:/x" busybox touch "/x/made$odd"; test -e "new$odd/made$odd"`,
  );
  await script(
    box,
    `${enter}; m run --rm -v "./sub$odd:/x" busybox touch "/x/made$odd"; test -e "sub$odd/made$odd"`,
  );
  await script(box, `m run -d --name c1 -w "/made$odd" busybox sleep 1000 >/dev/null`);
  await script(box, `${enter}; m cp "file$odd" "c1:/in$odd"; m exec c1 grep -q inside "/in$odd"`);
  await script(box, `m exec c1 test -d "/made$odd"; m exec -w "/made$odd" c1 touch "here$odd"`);
  await script(
    box,
    `m cp "c1:/in$odd" "out$odd"; grep -q inside "out$odd"; m cp c1:"/made$odd" .; test -e "made$odd/here$odd"`,
  );
  await script(box, `m cp "c1:/made$odd" - | tar -t --quoting-style=literal | grep -aqx "made$odd/here$odd"`);
  await script(
    box,
    `m exec c1 ln -s "to$odd" "/link$odd"; m cp "c1:/link$odd" .; test "$(readlink "link$odd")" = "to$odd"`,
  );
  assertMatch(await script(box, "m diff c1"), /^A \/in\ufffd/m);
  // Its record, its home, and its search for a program.
  const user =
    `echo "odd:x:7:7::/home$odd:/bin/sh" >>/etc/passwd; mkdir "/bin$odd"; cp /bin/busybox "/bin$odd/od"`;
  await script(box, `m exec -e odd="$odd" c1 sh -c '${user}'`);
  const home = await script(
    box,
    `m exec -u odd -e PATH="/bin$odd:/bin" c1 sh -c 'printf %s "$HOME" | od -An -v -tx1'`,
  );
  assertEquals(hexadecimal(home), await hexOf(`/home${ODD}`));
  await box.ok`rm -f c1`;
});

test("bytes: files that the flags name, and the root directory", async (box) => {
  await script(box, `m run --cidfile "cid$odd" --name c1 busybox true; test -s "cid$odd"`);
  await script(
    box,
    `m export -o "tar$odd" c1; m import "tar$odd" imported >/dev/null; m save -o "save$odd" imported`,
  );
  await script(
    box,
    `m rmi imported >/dev/null; m load -q -i "save$odd" >/dev/null; m run --rm imported true`,
  );
  await script(
    box,
    `echo a=b >"labels$odd"; m create --label-file "labels$odd" --env-file "labels$odd" busybox true >/dev/null`,
  );
  await script(
    box,
    `for root in "$PWD/root$odd" "below/root$odd"; do
    m --root "$root" import "tar$odd" image >/dev/null
    MYDOCKER_ROOT="$root" m run --rm image true
    m --root "$root" run -d --name c1 --restart always image false >/dev/null
    m --root "$root" rm -f c1 >/dev/null
    test -d "$root/tags"
    m --root "$root" rmi image >/dev/null
  done`,
  );
});

test("bytes: what is shown of them is UTF-8", async (box) => {
  const start =
    `m run -d --name c1 -e V="$odd" --label "l$odd=$odd" -v "$PWD:/x$odd" busybox sh -c 'sleep 1000' sh "$odd"`;
  await script(box, `mkdir -p here; cd here; ${start} >/dev/null`);
  const shown = await script(box, "m inspect c1");
  const [{ Config, Args }] = JSON.parse(shown);
  // One for each byte, as Go has it.
  const replacement = "??_???_?(_??".replaceAll("?", "\ufffd");
  assertEquals([Config.Env.at(-1), Args.at(-1)], [`V=${replacement}`, replacement]);
  assertEquals(Config.Labels, { [`l${replacement}`]: replacement });
  assertEquals(/\\ud[89a-f]/.test(shown), false);
  for (
    const command of [
      "ps -a --no-trunc",
      "top c1",
      "events --until 0s",
      "events --until 0s --format json",
      "ps -a --format json",
      "inspect -f json c1",
      "inspect -f '{{json .Config}}' c1",
      "inspect -f '{{.Args}}' c1",
    ]
  ) {
    assertEquals(/\\ud[89a-f]/.test(await script(box, `m ${command}`)), false, command);
  }
  await script(box, `m volume create --label "l=$odd" vol >/dev/null`);
  const [volume] = JSON.parse(await script(box, "m volume inspect vol"));
  assertEquals(volume.Labels, { l: replacement });
  for (
    const refused of [
      `run --name "$odd" busybox`,
      `volume create "$odd"`,
      `network create "$odd"`,
      `tag busybox "$odd"`,
      `"$odd"`,
      `run --"$odd" busybox`,
      `run "$odd"`,
    ]
  ) {
    const { code, stderr } = await box.exec`sh -c ${`odd=$(printf '${ODD}'); exec ${BIN} ${refused}`}`;
    assert(code !== 0, refused);
    assertMatch(stderr, /^mydocker: [^\n]+\n/, refused);
  }
  await box.ok`rm -f c1`;
});
