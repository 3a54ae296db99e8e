// What words become, before anything is looked up. No test here has a permission to ask the host for
// anything.

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { CommandSpec, Parsed } from "../../lib/cli/command.ts";
import { parseCommand } from "../../lib/cli/parse.ts";
import { Failure } from "../../lib/base/error.ts";
import { CONTAINER_EXITS, exitCodeOf } from "../../lib/cli/exit_code.ts";
import { EXEC_FLAGS, execOptions } from "../../lib/flags/exec_options.ts";
import type { ContainerOptions } from "../../lib/flags/container_options.ts";
import {
  CREATE_FLAGS,
  createOptions,
  RUN_FLAGS,
  type RunOptions,
  runOptions,
} from "../../lib/flags/run_options.ts";
import { LOGS_FLAGS, logsOptions } from "../../lib/flags/logs_options.ts";
import { NETWORK_CREATE_FLAGS, networkCreateOptions } from "../../lib/flags/network_create_options.ts";
import { ENDPOINT_FLAGS, endpointOptions } from "../../lib/flags/network_options.ts";
import { VOLUME_CREATE_FLAGS, volumeCreateOptions } from "../../lib/flags/volume_create_options.ts";
import { UPDATE_FLAGS, updateOptions } from "../../lib/flags/update_options.ts";

function pure(name: string, work: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: work });
}

/** A command line as a user has it: no word of these has a blank in it but for `~`. */
const wordsOf = (line: string) =>
  line.split(" ").filter((word) => word !== "").map((word) => word.replaceAll("~", " "));

const SPECS: Record<string, CommandSpec> = {
  run: { name: "run", usage: "", summary: "", flags: RUN_FLAGS, args: [1, Infinity], stopAtFirstArg: true },
  create: {
    ...{ name: "create", usage: "", summary: "", flags: CREATE_FLAGS },
    ...{ args: [1, Infinity], stopAtFirstArg: true },
  },
  exec: {
    name: "exec",
    usage: "",
    summary: "",
    flags: EXEC_FLAGS,
    args: [2, Infinity],
    stopAtFirstArg: true,
  },
  update: { name: "update", usage: "", summary: "", flags: UPDATE_FLAGS, args: [1, Infinity] },
  logs: { name: "logs", usage: "", summary: "", flags: LOGS_FLAGS, args: [1, 1] },
  network: { name: "network create", usage: "", summary: "", flags: NETWORK_CREATE_FLAGS, args: [1, 1] },
  connect: { name: "network connect", usage: "", summary: "", flags: ENDPOINT_FLAGS, args: [2, 2] },
  volume: { name: "volume create", usage: "", summary: "", flags: VOLUME_CREATE_FLAGS, args: [0, 1] },
};

function parse(command: string, line: string): Parsed {
  const parsed = parseCommand(SPECS[command], wordsOf(line));
  assert(parsed !== "help");
  return parsed;
}

const run = (line: string): Promise<RunOptions> => runOptions(parse("run", line));
const container = async (flags: string): Promise<ContainerOptions> => (await run(`${flags} img`)).container;

async function refuses(
  work: () => unknown,
  message: string,
  code = 125,
  exits = code === 125 ? CONTAINER_EXITS : {},
): Promise<void> {
  // A function that throws at once is as good as one whose promise is rejected.
  const error = await assertRejects(async () => await work(), Failure);
  assertEquals(error.message, message);
  assertEquals(exitCodeOf(error, exits), code, message);
}

pure("run IMAGE: nothing is asked for, and the defaults are docker's", async () => {
  assertEquals(await run("img sh -c x"), {
    detach: false,
    waitFor: undefined,
    detachKeys: [16, 17],
    sigProxy: true,
    pull: { when: "missing", platform: undefined, quiet: false },
    container: {
      image: "img",
      command: ["sh", "-c", "x"],
      name: undefined,
      cidfile: undefined,
      entrypoint: undefined,
      user: undefined,
      workdir: undefined,
      stopSignal: undefined,
      hostname: undefined,
      environment: { files: [], entries: [] },
      labels: { files: [], labels: [] },
      mounts: [],
      network: { mode: "bridge", endpoints: [{ network: "bridge" }] },
      publishing: { exposed: {} },
      isolation: {},
      security: undefined,
      config: {
        tty: false,
        stdin: false,
        stdinOnce: false,
        attachStdin: false,
        attachStdout: true,
        attachStderr: true,
        autoRemove: false,
        restart: { name: "no", maximumRetryCount: 0 },
        stopTimeout: undefined,
        init: false,
        log: { driver: "json-file", options: {}, maxSize: 64 << 20, maxFiles: 2 },
        readOnlyRootfs: false,
        binds: [],
        tmpfs: {},
        limits: undefined,
      },
      warnings: [],
    },
  });
});

/** Flags of run, a part of the options that they come to, and what that is. */
const READ: [string, (options: ContainerOptions) => unknown, unknown][] = [
  ["--name /web", ({ name }) => name, "web"],
  ["--name=", ({ name }) => name, undefined],
  ["--entrypoint=", ({ entrypoint }) => entrypoint, ""],
  ["--env-file f -e A=1 -e B", ({ environment }) => environment, { files: ["f"], entries: ["A=1", "B"] }],
  ["-l a -l b=c=d", ({ labels }) => labels.labels, [["a", ""], ["b", "c=d"]]],
  ["--stop-signal usr1", ({ stopSignal }) => stopSignal, "usr1"],
  ["--hostname=", ({ hostname }) => hostname, undefined],
  ["-it", ({ config }) => [config.stdin, config.stdinOnce, config.attachStdin, config.tty], [
    true,
    true,
    true,
    true,
  ]],
  ["-d -i", ({ config }) => [config.stdin, config.stdinOnce, config.attachStdout], [true, false, false]],
  ["-a stderr", ({ config }) => [config.attachStdin, config.attachStdout, config.attachStderr], [
    false,
    false,
    true,
  ]],
  ["--restart on-failure:3", ({ config }) => config.restart, { name: "on-failure", maximumRetryCount: 3 }],
  ["-m 64m --cpus 1.5", ({ config }) => config.limits, { memory: 64 << 20, nanoCpus: 15e8 }],
  ["--log-opt max-size=1k", ({ config }) => config.log, {
    driver: "json-file",
    options: { "max-size": "1k" },
    maxSize: 1024,
    maxFiles: 1,
  }],
  // What is only a name here may be another thing on each host.
  ["--network default", ({ network }) => network.endpoints, [{ network: "bridge" }]],
  ["--network container:web", ({ network }) => network, { mode: "container:web", endpoints: [] }],
  ["--network a --network-alias x --network name=b,ip=1.2.3.4", ({ network }) => network.endpoints, [
    { network: "a", aliases: ["x"] },
    { network: "b", ip: "1.2.3.4" },
  ]],
  [
    "--pid container:web --ipc private --uts=",
    ({ isolation }) => [isolation.pidMode, isolation.ipcMode, isolation.utsMode],
    [
      "container:web",
      undefined,
      undefined,
    ],
  ],
  ["--cap-add net_admin --cap-add CAP_NET_ADMIN", ({ isolation }) => isolation.capAdd, ["CAP_NET_ADMIN"]],
  ["-v ./here:/x", ({ mounts }) => mounts, [
    { type: "bind", source: "./here", target: "/x", readOnly: false, createSource: true },
  ]],
  ["-p 80 --expose 90/udp", ({ publishing }) => publishing, {
    ports: { bindings: { "80/tcp": [{ HostIp: "", HostPort: "" }] }, all: false },
    exposed: { "90/udp": {}, "80/tcp": {} },
  }],
  ["--security-opt seccomp=p.json --security-opt no-new-privileges", ({ security }) => security, {
    options: [
      { kind: "seccomp", text: "seccomp=p.json", filter: { profile: "p.json" } },
      { kind: "plain", text: "no-new-privileges" },
    ],
    noNewPrivileges: true,
  }],
  ["--security-opt label=disable", ({ security }) => security?.options, [
    { kind: "label", text: "label=disable", value: "disable" },
  ]],
];

for (const [flags, part, wanted] of READ) {
  pure(`run ${flags}`, async () => assertEquals(part(await container(flags)), wanted));
}

pure("warnings are part of the options, each once", async () => {
  const discarded = "Published ports are discarded when using host network mode";
  assertEquals((await container("--network host -p 80:80 -P")).warnings, [discarded]);
  assertEquals((await container("--network host --expose 80")).warnings, []);
  assertEquals((await container("--network none -p 80:80")).warnings, []);
});

/** Flags of run and create, and what is said of them. */
const REFUSED: [string, string][] = [
  ["--pull x", `invalid pull option: 'x': must be one of "always", "missing" or "never"`],
  ["-w rel", "the working directory 'rel' is invalid, it needs to be an absolute path"],
  ["-e =x", "invalid environment variable: =x"],
  ["-l =x", "invalid label: =x"],
  ["--hostname " + "a".repeat(65), `hostname ${"a".repeat(65)} is longer than 64 characters`],
  ["-a x", 'invalid argument "x" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'],
  ["--rm --restart always", "Conflicting options: --restart and --rm"],
  ["--restart x", "invalid restart policy 'x'"],
  ["--log-driver x", "logger: no log driver named 'x' is registered: there are json-file, local, none"],
  [
    "--network host --network a",
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
  ],
  [
    "--network none --ip 1.2.3.4",
    "user specified IP address is supported on user defined networks only",
  ],
  ["--network container:a --dns 1.1.1.1", "conflicting options: dns and the network mode"],
  ["--network container:a --hostname b", "conflicting options: hostname and the network mode"],
  [
    "--network container:a -p 80",
    "conflicting options: port publishing and the container type network mode",
  ],
  [
    "--network container:a --expose 80",
    "conflicting options: port exposing and the container type network mode",
  ],
  ["--uts container:a --hostname b", "conflicting options: hostname and the UTS mode"],
  ["--ipc container:", `can't join IPC of container : invalid name or ID supplied: ""`],
  ["--pid x", "--pid: invalid PID mode"],
  ["--cap-add x", 'invalid CapAdd: unknown capability: "CAP_X"'],
  ["--security-opt x", 'Invalid --security-opt: "x"'],
  ["--security-opt no-new-privileges=x", 'invalid --security-opt 2: "no-new-privileges=x"'],
  ["-v /a:/x -v /b:/x", "Duplicate mount point: /x"],
  [
    "--name a~b",
    "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, at least two of them",
  ],
];

for (const [flags, message] of REFUSED) {
  pure(`run and create ${flags}: refused`, async () => {
    await refuses(() => run(`${flags} img`), message);
    await refuses(() => createOptions(parse("create", `${flags} img`)), message);
  });
}

pure("of two mistakes docker's command says the one that it comes to first", async () => {
  await refuses(
    () => run("-e =x -w rel img"),
    "the working directory 'rel' is invalid, it needs to be an absolute path",
  );
  await refuses(() => run("--name a~b -v /a:/x -v /b:/x img"), "Duplicate mount point: /x");
  await refuses(
    () => run("-p 80 --network container:a --network host img"),
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
  );
});

pure("run: what goes with -d, and what doesn't", async () => {
  const { detach, waitFor } = await run("-d --wait-for port:80 --wait-timeout 5 img");
  assertEquals([detach, waitFor], [true, { what: { kind: "port", port: 80 }, seconds: 5 }]);
  await refuses(
    () => run("--wait-for exit img"),
    "--wait-for and --wait-timeout need -d: in the foreground, run waits for the end",
  );
  await refuses(() => run("-d -a stdout img"), "Conflicting options: -a and -d", 1, CONTAINER_EXITS);
  await refuses(() => run("--detach-keys x1 img"), "Invalid detach keys (x1) provided");
});

pure("exec: words and refusals", async () => {
  assertEquals(execOptions(parse("exec", "-it -u app -w /x -e A --detach-keys= web sh -c x")), {
    container: "web",
    argv: ["sh", "-c", "x"],
    workingDirectory: "/x",
    detachKeys: [],
    environment: { files: [], entries: ["A"] },
    user: "app",
    tty: true,
    stdin: true,
    privileged: false,
    detach: false,
  });
  const rel = "the working directory 'rel' must be an absolute path";
  await refuses(() => execOptions(parse("exec", "-w rel web sh")), rel, 126);
  const none = 'exec: "": executable file not found in $PATH';
  await refuses(() => execOptions(parseCommand(SPECS.exec, ["web", ""]) as Parsed), none, 127);
});

pure("update: words and refusals", async () => {
  assertEquals(await updateOptions(parse("update", "-m 1g --restart always web")), {
    limits: { memory: 1 << 30 },
    restart: { name: "always", maximumRetryCount: 0 },
  });
  assertEquals(await updateOptions(parse("update", "web")), { limits: undefined, restart: undefined });
  await refuses(
    () => updateOptions(parse("update", "--restart always:3 web")),
    "maximum retry count cannot be used with restart policy 'always'",
    1,
  );
});

pure("logs: moments are relative to the one that is given", async () => {
  const now = { seconds: 1000, nanoseconds: 5 };
  const shown = { follow: true, timestamps: true, details: false };
  assertEquals(logsOptions(parse("logs", "-ft --since 90s --until 999 -n 3 web"), now), {
    ...shown,
    since: { seconds: 910, nanoseconds: 5 },
    until: { seconds: 999, nanoseconds: 0 },
    tail: 3,
  });
  for (const all of ["all", "-1", ""]) {
    assertEquals(logsOptions(parse("logs", `--tail=${all} web`), now).tail, undefined);
  }
  const tail = 'invalid value for "tail": "x" is neither a number nor "all"';
  await refuses(() => logsOptions(parse("logs", "--tail x web"), now), tail, 1);
  await refuses(
    () => logsOptions(parse("logs", "--since x web"), now),
    'invalid value for "since": failed to parse value as time or duration: "x"',
    1,
  );
});

pure("network create and connect: words and refusals", async () => {
  const line = "--subnet 10.0.0.0/24 --gateway 10.0.0.9 --internal -o a=b=c --label d --label d=e net";
  assertEquals(networkCreateOptions(parse("network", line)), {
    ...{ name: "net", internal: true, options: { a: "b=c" }, labels: { d: "e" } },
    ...{ subnets: ["10.0.0.0/24"], gateways: ["10.0.0.9"], ranges: [] },
  });
  const ipv6 = "--ipv6 needs an IPv6 --subnet, for example fd00:1234::/64";
  await refuses(() => networkCreateOptions(parse("network", "--ipv6 --subnet 10.0.0.0/24 net")), ipv6, 1);
  const driver = "network driver 'x' is not supported; use bridge, the default";
  await refuses(() => networkCreateOptions(parse("network", "-d x net")), driver, 1);
  assertEquals(endpointOptions(parse("connect", "--alias a --alias b --ip 10.0.0.1 net web")), {
    ...{ aliases: ["a", "b"], ip: "10.0.0.1", ip6: undefined },
  });
  await refuses(() => endpointOptions(parse("connect", "--ip ::1 net web")), "invalid IPv4 address: ::1");
});

pure("volume create: words and refusals", async () => {
  const none = { name: undefined, labels: {}, options: undefined };
  assertEquals(volumeCreateOptions(parse("volume", "")), none);
  assertEquals(volumeCreateOptions(parse("volume", "-o type=tmpfs -o device=x=y --label a vol")), {
    ...{ name: "vol", labels: { a: "" }, options: { type: "tmpfs", device: "x=y" } },
  });
  assertEquals(volumeCreateOptions(parse("volume", "--name vol")), { ...none, name: "vol" });
  const twice =
    "conflicting options: cannot specify a volume-name through both --name and as a positional arg";
  await refuses(() => volumeCreateOptions(parse("volume", "--name a b")), twice, 1);
  const driver = "volume driver 'x' is not supported; use local, the default";
  await refuses(() => volumeCreateOptions(parse("volume", "-d x")), driver, 1);
});
