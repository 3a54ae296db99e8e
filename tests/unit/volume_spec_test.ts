// @ts-types="../../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
import { assertEquals, assertThrows } from "@std/assert";
import { CONTAINER_EXITS, exitCodeOf } from "../../lib/cli/exit_code.ts";
import { Failure } from "../../lib/base/error.ts";
import {
  cleanPath,
  collectMounts,
  parseMount,
  parseTmpfs,
  parseVolume,
  withImageVolumes,
} from "../../lib/flags/volume_spec.ts";
import { mountsOf } from "../../lib/lifecycle/container_config.ts";

const CLOSED = 2 | 4 | 8; // MS_NOSUID, MS_NODEV, MS_NOEXEC
const BAD_NAME =
  'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are ' +
  "allowed. If you intended to pass a host directory, use absolute path";

/** Checks for the whole message, and docker's exit code for a container that could not be created. */
function refuses(act: () => unknown, message: string): void {
  const error = assertThrows(act, Failure);
  assertEquals(error.message, message);
  assertEquals(exitCodeOf(error, CONTAINER_EXITS), 125);
}

Deno.test("cleanPath works by text alone", () => {
  assertEquals(cleanPath("/x//y/"), "/x/y");
  assertEquals(cleanPath("/../../x"), "/x");
  assertEquals(cleanPath("rel/./a/.."), "/rel");
  assertEquals(cleanPath("//"), "/");
});

Deno.test("-v: a bind, a volume, an anonymous volume", () => {
  assertEquals(parseVolume("/a//b/../c:/x/"), {
    type: "bind",
    source: "/a/c",
    target: "/x",
    readOnly: false,
    createSource: true,
  });
  assertEquals(parseVolume("vol:/../x:nocopy,ro"), {
    type: "volume",
    source: "vol",
    target: "/x",
    readOnly: true,
    noCopy: true,
  });
  const anonymous = {
    type: "volume",
    source: "",
    readOnly: false,
    anonymous: true,
    yields: true,
  };
  assertEquals(parseVolume("/data") as unknown, { ...anonymous, target: "/data" });
  assertEquals(parseVolume("./rel") as unknown, { ...anonymous, target: "/rel" });
});

Deno.test("-v: modes that change nothing here", () => {
  for (const mode of ["rw", "z", "Z", "rprivate", "private", "cached", "rw,z,delegated,rprivate"]) {
    assertEquals(parseVolume(`/a:/x:${mode}`).readOnly, false);
  }
  assertEquals(parseVolume("/a:/x:ro,Z").readOnly, true);
});

Deno.test("-v: docker's refusals", () => {
  const invalid = (text: string, why = "") => `invalid volume specification: '${text}'${why}`;
  for (const text of ["", ":", ":/x", "/tmp:", "/x:ro", "/a:/x:ro:z", "/a:/x:a:b"]) {
    refuses(() => parseVolume(text), invalid(text));
  }
  refuses(() => parseVolume("/a:/x:"), "invalid spec: /a:/x:: empty section between colons");
  const bind = ': invalid mount config for type "bind": ';
  const relative = (path: string) => `invalid mount path: '${path}' mount path must be absolute`;
  refuses(() => parseVolume("/x:y"), invalid("/x:y", bind + relative("y")));
  const root = "invalid specification: destination can't be '/'";
  refuses(() => parseVolume("/tmp:/"), invalid("/tmp:/", bind + root));
  refuses(() => parseVolume("/tmp:/a/.."), invalid("/tmp:/a/..", bind + root));
  refuses(
    () => parseVolume("vol:/"),
    invalid("vol:/", `: invalid mount config for type "volume": ${root}`),
  );
  refuses(() => parseVolume("/"), invalid("/", `: invalid mount config for type "volume": ${root}`));
  refuses(
    () => parseVolume("/a:/x:nocopy"),
    invalid("/a:/x:nocopy", `${bind}field VolumeOptions must not be specified`),
  );
  refuses(
    () => parseVolume("vol:/x:rslave"),
    invalid(
      "vol:/x:rslave",
      ': invalid mount config for type "volume": field BindOptions must not be specified',
    ),
  );
  for (const mode of ["foo", "ro,rw", "z,Z", "rw,", "/x"]) {
    refuses(() => parseVolume(`/a:/x:${mode}`), `invalid mode: ${mode}`);
  }
  refuses(() => parseVolume("vol:/x:foo"), "invalid mode: foo");
});

Deno.test("-v: names that no volume has", () => {
  for (const name of ["rel/dir", "bad name", "_a", "~bar", "~/x"]) {
    refuses(() => parseVolume(`${name}:/x`), `create ${name}: "${name}" ${BAD_NAME}`);
  }
  const short = "volume name is too short, names should be at least two alphanumeric characters";
  refuses(() => parseVolume("a:/x"), `create a: ${short}`);
});

Deno.test("a host path that begins with a dot is relative to the caller's directory", async () => {
  const here = Deno.cwd();
  const sources = {
    ".": here,
    "./rel": `${here}/rel`,
    ".x/": `${here}/.x`,
    "..": dirname(here),
  };
  for (const [given, source] of Object.entries(sources)) {
    const bind = { type: "bind", source: given, target: "/x", readOnly: false } as const;
    assertEquals(parseVolume(`${given}:/x`), { ...bind, createSource: true });
    assertEquals(parseMount(`type=bind,source=${given},target=/x`), bind);
    assertEquals(await mountsOf([bind], {}), [{ ...bind, source }]);
  }
});

Deno.test("-v and --mount: propagation, which is noted unless it is the default", () => {
  const bind = { type: "bind", source: "/a", target: "/x", readOnly: false } as const;
  for (const propagation of ["private", "rslave", "slave", "rshared", "shared"] as const) {
    assertEquals(parseVolume(`/a:/x:${propagation}`), { ...bind, createSource: true, propagation });
    const mount = `type=bind,source=/a,target=/x,bind-propagation=${propagation}`;
    assertEquals(parseMount(mount), { ...bind, propagation });
  }
  assertEquals(parseVolume("/a:/x:rprivate"), { ...bind, createSource: true });
  refuses(() => parseVolume("/a:/x:rslave,shared"), "invalid mode: rslave,shared");
});

Deno.test("--mount: bind-recursive", () => {
  const parse = (options: string) => parseMount(`type=bind,source=/a,target=/x,${options}`);
  const bind = { type: "bind", source: "/a", target: "/x" } as const;
  assertEquals(parse("bind-recursive=enabled"), { ...bind, readOnly: false });
  assertEquals(parse("bind-recursive=disabled"), { ...bind, readOnly: false, nonRecursive: true });
  assertEquals(parse("readonly,bind-recursive=writable"), { ...bind, readOnly: true, writableBelow: true });
  assertEquals(parse("ro,bind-recursive=readonly,bind-propagation=rprivate"), { ...bind, readOnly: true });
  const problems: [options: string, problem: string][] = [
    [
      "bind-recursive=writable",
      "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
    ],
    [
      "bind-recursive=readonly",
      "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
    ],
    [
      "ro,bind-recursive=readonly",
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    ],
    [
      "bind-recursive=maybe",
      'invalid value for bind-recursive: maybe (must be "enabled", "disabled", "writable", or "readonly")',
    ],
  ];
  for (const [options, problem] of problems) {
    const text = `type=bind,source=/a,target=/x,${options}`;
    refuses(() => parse(options), `invalid argument "${text}" for "--mount" flag: ${problem}`);
  }
});

Deno.test("--mount: binds and volumes", () => {
  assertEquals(parseMount("type=bind,source=/a,target=/x,readonly"), {
    type: "bind",
    source: "/a",
    target: "/x",
    readOnly: true,
  });
  assertEquals(parseMount('TYPE=bind,"src=/a,""b""",dst=/x,ro=0,bind-nonrecursive,consistency=cached'), {
    type: "bind",
    source: '/a,"b"',
    target: "/x",
    readOnly: false,
    nonRecursive: true,
  });
  assertEquals(parseMount("src=mv,destination=/x,volume-nocopy=true,volume-label=a=b,volume-label=c"), {
    type: "volume",
    source: "mv",
    target: "/x",
    readOnly: false,
    noCopy: true,
    labels: { a: "b", c: "" },
  });
  assertEquals(parseMount("dst=/x,volume-driver=local"), {
    type: "volume",
    source: "",
    target: "/x",
    readOnly: false,
    anonymous: true,
  });
});

Deno.test("--mount: tmpfs", () => {
  const tmpfs = { type: "tmpfs", source: "", target: "/x", readOnly: false, flags: CLOSED };
  assertEquals(parseMount("type=tmpfs,dst=/x") as unknown, { ...tmpfs, data: "" });
  assertEquals(parseMount("type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=700") as unknown, {
    ...tmpfs,
    data: "size=1048576,mode=700",
  });
});

Deno.test("--mount: refusals of the flag's value", () => {
  const cases: [string, string][] = [
    ["", "target is required"],
    ["type=bind,source=/tmp", "target is required"],
    ["type=bind,source=/tmp,target=/x,foo=bar", "unexpected key 'foo' in 'foo=bar'"],
    ["type=bind,source=/tmp,target=/x,foo", "invalid field 'foo' must be a key=value pair"],
    ["type=bind,source=/tmp,target=/x,rw", "invalid field 'rw' must be a key=value pair"],
    ["type=tmpfs, dst=/x", "unexpected key ' dst' in ' dst=/x'"],
    ["type=bind,source=/tmp,target=/x,readonly=foo", "invalid value for readonly: foo"],
    ["type=bind,src=/a,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
    ["src=mv,dst=/x,bind-propagation=private", "cannot mix 'bind-*' options with mount type 'volume'"],
    ["type=tmpfs,dst=/x,tmpfs-size=foo", "invalid value for tmpfs-size: foo"],
    ["type=tmpfs,dst=/x,tmpfs-mode=foo", "invalid value for tmpfs-mode: foo"],
    ["dst=/x,volume-driver=nfs", "volume driver 'nfs' is not supported; use local"],
  ];
  for (const [text, why] of cases) {
    refuses(() => parseMount(text), `invalid argument "${text}" for "--mount" flag: ${why}`);
  }
  refuses(
    () => parseMount('dst=/x,a"b=c'),
    `invalid argument "dst=/x,a\\"b=c" for "--mount" flag: misplaced '"' in field 2`,
  );
});

Deno.test("--mount: refusals of what it asks for", () => {
  const cases: [string, string, string][] = [
    ["type=bind,target=/x", "bind", "field Source must not be empty"],
    ["type=foo,target=/x", "foo", "mount type unknown"],
    ["type=npipe,src=a,dst=/x", "npipe", "mount type unknown"],
    ["type=bind,source=rel,target=/x", "bind", "invalid mount path: 'rel' mount path must be absolute"],
    ["type=bind,source=/tmp,target=rel", "bind", "invalid mount path: 'rel' mount path must be absolute"],
    ["type=bind,source=/tmp,target=/", "bind", "invalid specification: destination can't be '/'"],
    ["type=bind,src=/a,dst=/x,bind-propagation=foo", "bind", "invalid propagation mode: foo"],
    ["type=tmpfs,src=/a,dst=/x", "tmpfs", "field Source must not be specified"],
    ["dst=/x,ro", "volume", "must not set ReadOnly mode when using anonymous volumes"],
  ];
  for (const [text, type, why] of cases) {
    refuses(() => parseMount(text), `invalid mount config for type "${type}": ${why}`);
  }
  refuses(() => parseMount("source=/tmp,target=/x"), `create /tmp: "/tmp" ${BAD_NAME}`);
});

Deno.test("--tmpfs: flags and data", () => {
  const plain = { type: "tmpfs", source: "", target: "/x", readOnly: false, data: "", flags: CLOSED };
  assertEquals(parseTmpfs("/x") as unknown, plain);
  assertEquals(parseTmpfs("/x:") as unknown, plain);
  assertEquals(parseTmpfs("/x:ro,noexec") as unknown, { ...plain, readOnly: true });
  assertEquals(parseTmpfs("/x:rw,exec,suid").flags, 4);
  assertEquals(parseTmpfs("/x:exec,noexec,dev,noatime").flags, 2 | 8 | 1024);
  assertEquals(
    parseTmpfs("/x:size=1k,mode=700,uid=1000,gid=50,size=10%").data,
    "size=10%,mode=700,uid=1000,gid=50",
  );
});

Deno.test("--tmpfs: refusals", () => {
  refuses(() => parseTmpfs(""), "invalid mount path: '' mount path must be absolute");
  refuses(() => parseTmpfs("rel"), "invalid mount path: 'rel' mount path must be absolute");
  refuses(() => parseTmpfs("/"), "invalid specification: destination can't be '/'");
  refuses(() => parseTmpfs("/x:foo"), 'invalid tmpfs option ["foo"]');
  refuses(() => parseTmpfs("/x:nosuid,foo=1"), 'invalid tmpfs option ["foo" "1"]');
  refuses(() => parseTmpfs("/x:mode=abc"), 'invalid tmpfs option ["mode" "abc"]');
  refuses(() => parseTmpfs("/x:size=1m:b"), 'invalid tmpfs option ["size" "1m:b"]');
  refuses(() => parseTmpfs("/x:constructor"), 'invalid tmpfs option ["constructor"]');
});

Deno.test("withImageVolumes: parents first, the image's volumes only where nothing else is", () => {
  const merged = withImageVolumes([parseVolume("/a:/x/y"), parseVolume("/b:/x")], ["/x/", "/data", "/x/y/z"]);
  assertEquals(merged.map(({ target, source }) => [target, source]), [
    ["/data", ""],
    ["/x", "/b"],
    ["/x/y", "/a"],
    ["/x/y/z", ""],
  ]);
  assertEquals(merged[0] as unknown, {
    type: "volume",
    source: "",
    target: "/data",
    readOnly: false,
    anonymous: true,
  });
});

Deno.test("collectMounts: docker's idea of what is twice", () => {
  const none = { volumes: [], mounts: [], tmpfs: [] };
  const sources = (flags: Partial<typeof none> | Record<string, string[]>) =>
    withImageVolumes(collectMounts({ ...none, ...flags }), []).map(({ type, source }) => `${type} ${source}`);
  assertEquals(sources({ volumes: ["/a:/x", "/a:/x"] }), ["bind /a"]);
  assertEquals(sources({ volumes: ["/x", "vol:/x"] }), ["volume vol"]);
  assertEquals(sources({ volumes: ["/x"], tmpfs: ["/x"] }), ["tmpfs "]);
  assertEquals(collectMounts({ ...none, tmpfs: ["/x", "/x:ro"] }).map((mount) => mount.readOnly), [true]);
  const twice = "Duplicate mount point: /x";
  refuses(() => sources({ volumes: ["/a:/x", "/b:/x"] }), twice);
  refuses(() => sources({ volumes: ["/a:/x", "vol:/x/"] }), twice);
  refuses(() => sources({ volumes: ["/a:/x"], mounts: ["type=tmpfs,dst=/x"] }), twice);
  refuses(() => sources({ volumes: ["/a:/x"], tmpfs: ["/x"] }), twice);
});
