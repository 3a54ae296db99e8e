// The tar reader and GNU tar read the same in archives that are damaged at random: names, types, modes,
// owners, sizes, times, link targets. Where only one of them refuses, it is for a reason on the lists below.

import { assertEquals } from "@std/assert";
import { decodeName } from "../../ffi/bytes.ts";
import { Failure } from "../../lib/base/error.ts";
import type { TarEntry } from "../../lib/layer/tar_entry.ts";
import { readNumber } from "../../lib/layer/tar_header.ts";
import { createTarReader } from "../../lib/layer/tar_read.ts";
import { random, Scratch, shell, withField } from "../world/tar_tools.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Next = () => number;

/** How many archives are damaged: the same ones on every machine. FUZZ_COUNT looks further. */
const COUNT = Number(Deno.env.get("FUZZ_COUNT") ?? 1000);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 1);

const FORMATS = [
  "v7",
  "ustar",
  "oldgnu --sparse",
  "gnu --sparse",
  "posix --sparse --sparse-version=0.0",
  "posix --sparse --sparse-version=0.1",
  "posix --sparse --sparse-version=1.0",
];

/** Small archives of all formats with what each can hold. */
function seeds(scratch: Scratch): Bytes[] {
  shell(
    `mkdir -p tree/a/b; cd tree; echo hello > a/b/f; chmod 4755 a/b/f; ln a/b/f a/h; ln -s b/f a/l; mkfifo p
     mknod null c 1 3; head -c 1200 /dev/zero | tr '\\0' x > data; chown 7:9 data; find . -exec touch -hd @1234567890 {} +`,
    scratch.path,
  );
  const plain = FORMATS.slice(0, 2).map((format) =>
    shell(
      `tar -C tree --format=${format} ${format === "v7" ? "--exclude=null --exclude=p" : ""} -b1 -cf - .`,
      scratch.path,
    )
  );
  shell(
    `cd tree; d=$(printf 'd%.0s' {1..120}); touch $d; ln -s $d$d l; chown 3000000 $d
     for i in 0 1 2 3 4 5; do echo part$i | dd of=holes bs=1 seek=$((i * 100000)) conv=notrunc status=none; done
     truncate -s 1M holes; find . -exec touch -hd @1234567890.5 {} +`,
    scratch.path,
  );
  const extended = FORMATS.slice(2).map((format) =>
    shell(
      `tar -C tree --sort=name --format=${format} ${
        format.startsWith("posix") ? "--pax-option=delete=atime,delete=ctime" : ""
      } -b1 -cf - .`,
      scratch.path,
    )
  );
  return [...plain, ...extended];
}

/** Offsets of the blocks that GNU tar would take for headers, in an archive that is whole. */
function headers(tar: Bytes): number[] {
  const found: number[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    found.push(at);
    const size = parseInt(decodeName(tar.subarray(at + 124, at + 135)), 8) || 0;
    const flag = String.fromCharCode(tar[at + 156]);
    at += 512;
    if (flag === "S" && tar[at - 512 + 482] === 1) {
      while (tar[at + 504] === 1) at += 512;
      at += 512;
    }
    at += "123456".includes(flag) ? 0 : Math.max(0, Math.ceil(size / 512) * 512);
  }
  return found;
}

const NUMBERS = [
  "",
  "0",
  "1",
  "00000001000",
  "77777777777",
  "7777777",
  " 644 ",
  "12 34",
  "9",
  "-1",
  "\x80\0\0\0\0\0\0\0\0\0\0\x05",
  "\x80\0\0\0\0\0\0\x05",
  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
  "\x80" + "\x7f".repeat(11),
  "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
  "+AAAA",
  "abc",
];
const FIELDS = [[0, 100], [100, 8], [108, 8], [116, 8], [124, 12], [136, 12], [156, 1], [157, 100], [257, 8]];
const MORE_FIELDS = [[329, 8], [337, 8], [345, 155], [386, 12], [398, 12], [410, 12], [482, 1], [483, 12]];
const FLAGS = "01234567LKxgXVMDNAZ\0 \xff";
// No empty ones: with POSIX they mean that there is no such record, for GNU tar they are the value.
const VALUES = [
  "0",
  "1",
  "512",
  "99999999999",
  "9999999999999999999999",
  "-1",
  "1.5",
  "x",
  "a/b",
  "1,2",
  "0,6",
];

/** Other bytes at `at`, with the checksum of the block at `header` put right, or not. */
function write(tar: Bytes, header: number, at: number, text: string, next: Next): Bytes {
  const copy = tar.slice();
  for (let i = 0; i < text.length && at + i < copy.length; i++) copy[at + i] = text.charCodeAt(i);
  if (next() < 0.95) copy.set(withField(copy.slice(header, header + 512), 0, ""), header);
  return copy;
}

/** One change to an archive, which `next` chooses. */
function mutate(tar: Bytes, next: Next): Bytes {
  const pick = (limit: number) => Math.floor(next() * limit);
  const of = <T>(list: ArrayLike<T>): T => list[pick(list.length)];
  const all = headers(tar);
  if (all.length === 0) return tar;
  const header = of(all);
  switch (pick(9)) {
    case 0:
      return write(tar, header, header + pick(512), String.fromCharCode(pick(256)), next);
    case 1: {
      const [offset, length] = of(next() < 0.7 ? FIELDS : MORE_FIELDS);
      const value = of(NUMBERS).slice(0, length);
      return write(tar, header, header + offset, value.padEnd(next() < 0.5 ? length : 0, "\0"), next);
    }
    case 2: {
      // GNU's long names and PAX's headers for the same entry: no tar writes that.
      const pax = all.some((at) => tar[at + 156] === 0x78);
      return write(
        tar,
        header,
        header + 156,
        of([...FLAGS].filter((flag) => !(pax ? "LK" : "xXg").includes(flag))),
        next,
      );
    }
    case 3:
      return mutateRecords(tar, next);
    case 4: // what follows a header: records, names, maps
      return write(tar, header, header + 512 + pick(120), String.fromCharCode(0x2c + pick(14)), next);
    case 5:
      return tar.slice(0, next() < 0.7 ? pick(tar.length / 512) * 512 : pick(tar.length));
    case 6: { // a block less
      const block = pick(tar.length / 512) * 512;
      return new Uint8Array([...tar.subarray(0, block), ...tar.subarray(block + 512)]);
    }
    case 7: { // a block more
      const [from, to] = [pick(tar.length / 512) * 512, of(all)];
      const block = next() < 0.3 ? new Uint8Array(512) : tar.subarray(from, from + 512);
      return new Uint8Array([...tar.subarray(0, to), ...block, ...tar.subarray(to)]);
    }
    default: { // a header's block in another one's place
      const copy = tar.slice();
      copy.copyWithin(header, of(all), of(all) + 512);
      return copy;
    }
  }
}

/** Another value in an extended header, whose length is right again, or nearly. */
function mutateRecords(tar: Bytes, next: Next): Bytes {
  const pick = (limit: number) => Math.floor(next() * limit);
  const all = headers(tar).filter((at) => "xg".includes(String.fromCharCode(tar[at + 156])));
  if (all.length === 0) return tar;
  const header = all[pick(all.length)];
  const size = parseInt(decodeName(tar.subarray(header + 124, header + 135)), 8);
  const records = decodeName(tar.subarray(header + 512, header + 512 + size)).split("\n").slice(0, -1)
    .map((record) => record.replace(/^\d+ /, ""));
  const keys = [
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "mtime",
    "GNU.sparse.size",
    "GNU.sparse.name",
    "charset",
  ];
  if (records.length === 0) return tar;
  const at = pick(records.length);
  const key = next() < 0.5 ? records[at].split("=")[0] : keys[pick(keys.length)];
  const record = `${key}=${VALUES[pick(VALUES.length)]}`;
  if (next() < 0.5) records[at] = record;
  else records.push(record);
  const text = records.map((each) => {
    let length = each.length + 3;
    while (`${length} ${each}\n`.length !== length) length++;
    return `${next() < 0.02 ? length + 1 : length} ${each}\n`;
  }).join("");
  const data = new Uint8Array(Math.ceil(text.length / 512) * 512);
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
  const sized = withField(tar.slice(header, header + 512), 124, text.length.toString(8).padStart(11, "0"));
  const rest = tar.subarray(header + 512 + Math.ceil(size / 512) * 512);
  return new Uint8Array([...tar.subarray(0, header), ...sized, ...data, ...rest]);
}

const LETTERS: Record<string, string> = {
  file: "-",
  directory: "d",
  symlink: "l",
  link: "h",
  character: "c",
  block: "b",
  fifo: "p",
};

/** What GNU tar's --quoting-style=c shows, as a name. */
function unquoted(text: string): string {
  const named: Record<string, number> = { n: 10, t: 9, r: 13, b: 8, f: 12, v: 11, a: 7 };
  const bytes: number[] = [];
  for (const [, octal, letter, plain] of text.matchAll(/\\(\d{3})|\\(.)|([^\\])/gs)) {
    bytes.push(
      octal ? parseInt(octal, 8) : letter ? named[letter] ?? letter.charCodeAt(0) : plain.charCodeAt(0),
    );
  }
  return decodeName(Uint8Array.from(bytes));
}

function permissions(mode: number): string {
  const letters = [..."rwxrwxrwx"].map((letter, i) => mode & (0o400 >> i) ? letter : "-");
  for (const [bit, at, set] of [[0o4000, 2, "s"], [0o2000, 5, "s"], [0o1000, 8, "t"]] as const) {
    if (mode & bit) letters[at] = letters[at] === "x" ? set : set.toUpperCase();
  }
  return letters.join("");
}

/** Times before 1970 with a fraction GNU tar shows a second late. */
const shownTime = (seconds: number) => seconds < 0 ? "before" : seconds;

/** What our reader says, a line for each entry; or why it refuses. */
function ours(tar: Bytes, chunk: number): { lines: string[]; refused?: string } {
  const lines: string[] = [];
  const entry = (each: TarEntry) => {
    const { type, mode, uid, gid, size, path, linkPath, major, minor, modified } = each;
    const device = type === "character" || type === "block";
    const shown = device ? `${major >>> 0},${minor >>> 0}` : type === "file" ? size : "";
    const link = type === "symlink"
      ? ` -> ${linkPath}`
      : type === "link"
      ? ` link to ${linkPath || "."}`
      : "";
    lines.push(
      `${LETTERS[type]}${permissions(mode)} ${uid}/${gid} ${shown} ${
        shownTime(modified.seconds)
      } ${path}${link}`,
    );
  };
  const reader = createTarReader({ entry, data() {}, finish() {} });
  try {
    for (let at = 0; at < tar.length; at += chunk) reader.push(tar.subarray(at, at + chunk));
    reader.end();
    return { lines };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { lines, refused: error.message };
  }
}

/** The same from GNU tar. */
function gnus(path: string): { lines: string[]; code: number; stderr: string; sized: boolean } {
  const { code, stdout, stderr } = new Deno.Command("tar", {
    args: ["-tvf", path, "-b1", "--no-seek", "--quoting-style=c", "--numeric-owner", "--full-time"],
    env: { TZ: "UTC", LC_ALL: "C" },
  }).outputSync();
  const listed = decodeName(stdout).split("\n").slice(0, -1).filter((line) => !/^[VMN]/.test(line));
  const lines = listed.map((line) => {
    const match =
      /^(\S{10}) (\S+) +(\S+) (\S+ \S+) +"((?:[^"\\]|\\.)*)"(?:( -> | link to )"((?:[^"\\]|\\.)*)")?(.*)$/
        .exec(line);
    if (!match) return line;
    const [, mode, owner, size, time, name, arrow = "", target = "", more] = match;
    const shown = /[-Ccb]/.test(mode[0]) ? size : "";
    const seconds = shownTime(Date.parse(`${time.replace(" ", "T").replace(/\.\d+/, "")}Z`) / 1000);
    return `${mode.replace(/^C/, "-")} ${owner} ${shown} ${seconds} ${unquoted(name)}${arrow}${
      unquoted(target)
    }${more}`;
  });
  const sized = listed.some((line) => /^[dlhp]\S+ \S+ +[1-9]/.test(line));
  return { lines, code, stderr: decodeName(stderr), sized };
}

/** Why we refuse what GNU tar only warns of, guesses at, or does not look at when it lists. */
const OUR_REASONS = [
  /^unexpected end of archive/,
  /: unknown type /,
  /^damaged archive: (bad|negative) (mode|uid|gid|size|mtime|device) in header/,
  /^damaged archive: bad (size|uid|gid|mtime|GNU\.sparse\.\w+) in extended header/,
  /^damaged archive: bad extended header record/,
  /^damaged archive: bad map of a sparse file/,
  /^damaged archive: extended header of \d+ bytes/,
];

/** Why GNU tar refuses what we take. */
const ITS_REASONS = [
  /Extended header \S+ is out of range/,
  /Malformed extended header: (invalid|excess) /, // in records that say nothing of this entry
  /Archive value \S+ is out of [ug]id_t range/, // refused when it is unpacked
  /Archive base-256 value is out of time_t range/, // a time: clamped, as the kernel clamps it
  /Archive contains \S+ where numeric time_t value expected/, // the first bit alone says base-256, as in Go
  /Unexpected EOF in archive/, // in the padding of the last file
  /This does not look like a tar archive/, // empty
];

/** What GNU tar sees differently from POSIX, or from Go's tar and so docker, which we go with. */
function isDisputed(tar: Bytes, { stderr, sized }: ReturnType<typeof gnus>): boolean {
  // No data follow a symlink, directory, device or pipe, whatever its size.
  if (sized || stderr.includes("Substituting `.' for empty member name")) return true;
  return headers(tar).some((at) => {
    const flag = String.fromCharCode(tar[at + 156]);
    const size = readNumber(tar, at + 124, 12);
    // A sparse file has its format's magic, and a long name ends where its header says.
    if (flag === "S") return decodeName(tar.subarray(at + 257, at + 262)) !== "ustar";
    return "23456".includes(flag) ? size !== 0 : "LK".includes(flag) && tar[at + 511 + size] !== 0;
  });
}

/** What is wrong with how an archive was read; undefined: nothing. */
function disagreement(tar: Bytes, path: string, chunk: number): string | undefined {
  const [we, gnu] = [ours(tar, chunk), gnus(path)];
  if (isDisputed(tar, gnu)) return undefined;
  if (we.refused) {
    const known = gnu.code !== 0 || OUR_REASONS.some((reason) => reason.test(we.refused!));
    return known ? undefined : `only we refuse: ${we.refused}`;
  }
  if (gnu.code !== 0) {
    const known = ITS_REASONS.some((reason) => reason.test(gnu.stderr));
    return known ? undefined : `only GNU tar refuses: ${gnu.stderr}`;
  }
  const [more, less] = [minus(we.lines, gnu.lines), minus(gnu.lines, we.lines)];
  return more.length + less.length === 0
    ? undefined
    : `ours: ${more.join(", ")}; GNU tar's: ${less.join(", ")}`;
}

function minus(lines: string[], others: string[]): string[] {
  return lines.filter((line, i) => others[i] !== line);
}

Deno.test("what GNU tar lists, the reader reads, also where bytes were changed", () => {
  using scratch = new Scratch();
  const whole = seeds(scratch);
  const path = `${scratch.path}/mutated.tar`;
  for (const tar of whole) {
    Deno.writeFileSync(path, tar);
    assertEquals(ours(tar, 600), { lines: gnus(path).lines });
  }
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const next = random(seed);
    let tar = whole[seed % whole.length];
    for (let n = 1 + Math.floor(next() ** 2 * 3); n > 0; n--) tar = mutate(tar, next);
    Deno.writeFileSync(path, tar);
    const found = disagreement(tar, path, 512 + seed % 700);
    assertEquals(found, undefined, `FUZZ_SEED=${seed} (${FORMATS[seed % whole.length]})`);
  }
});
