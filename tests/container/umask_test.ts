// The caller's umask is the caller's: what mydocker makes, in containers, images, volumes and its root
// directory, is the same under any, as docker's daemon has one of its own. Only what docker's client makes
// for the caller heeds it.

import { assertEquals, assertNotEquals } from "@std/assert";
import { bare, BIN, Box, until } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";
import { exists } from "../world/exists.ts";

/** Modes and owners of all below `path`; what differs from run to run in the names is made equal. */
async function tree(box: Box, path: string): Promise<string[]> {
  const lines = (await box.exec`find ${path} -printf ${"%P %y %m %U:%G\n"}`).stdout.split("\n");
  const plain = lines.map((line) =>
    line.replaceAll(/[0-9a-f]{64}/g, "ID").replaceAll(/[0-9a-f]{12}/g, "ID").replace(
      /@ID|\d+\.\d+\.\d+\.\d+/,
      "ADDRESS",
    )
  );
  return plain.filter((line) => line !== "").sort();
}

const SHOWN =
  "/ /etc/hosts /etc/hostname /etc/resolv.conf /dev /dev/shm /dev/null /proc /tmp /vol /deep /deep/bind /w /w/dir " +
  "/file /tmpfs /placed /placed/below";

/**
 * What a user's commands leave under one umask: in the root directory, and as seen from inside of containers.
 */
async function tour(box: Box, umask: string): Promise<{ root: string[]; inside: string; files: string[] }> {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await box.exec`sh -c 'umask ${umask}; exec "$@"' sh ${BIN} ${args}`;
    assertEquals(code, 0, `umask ${umask}; mydocker ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const look = (container: string) =>
    run("exec", "-u", "5", container, "stat", "-c", "%n %a %u:%g", ...SHOWN.split(" "));
  await run("import", await busyboxTar(), "busybox");
  await run("volume", "create", "made");
  await run("network", "create", "net");
  box.path("file", "content");
  Deno.mkdirSync(box.path("placed/below"), { recursive: true });
  for (const path of ["file", "placed", "placed/below"]) {
    Deno.chmodSync(box.path(path), path === "file" ? 0o664 : 0o775);
  }
  const mounts = [
    "-v",
    "vol:/vol",
    "-v",
    `${box.dir}/new/source:/deep/bind`,
    "-v",
    `${box.dir}/file:/file`,
    "--tmpfs",
    "/tmpfs",
  ];
  const start = [
    "-d",
    "--name",
    "c1",
    "--network",
    "net",
    "-w",
    "/w/dir",
    "--cidfile",
    `${box.dir}/cid`,
    ...mounts,
  ];
  await run("run", ...start, "busybox", "sleep", "1000");
  await run("cp", `${box.dir}/placed`, "c1:/");
  await run("exec", "c1", "sh", "-c", "touch /by-exec; mkdir /dir-by-exec");
  const first = await look("c1");
  await run("restart", "-t", "0", "c1");
  const second = await look("c1");
  await run("commit", "c1", "image");
  await run("cp", "c1:/placed", `${box.dir}/out`);
  await run("cp", "c1:/etc/hosts", `${box.dir}/hosts-out`);
  await run("save", "-o", `${box.dir}/saved.tar`, "image");
  await run("export", "-o", `${box.dir}/exported.tar`, "c1");
  await run("rm", "-f", "c1");
  await run("rmi", "image");
  await run("load", "-i", `${box.dir}/saved.tar`);
  const show = [
    "stat",
    "-c",
    "%n %a %u:%g",
    "/",
    "/placed",
    "/placed/below",
    "/w",
    "/w/dir",
    "/by-exec",
    "/dir-by-exec",
  ];
  const again = await run("run", "-u", "5", "--name", "c2", "image", ...show);
  const user = await run(
    "run",
    "--rm",
    "-u",
    "5",
    "busybox",
    "sh",
    "-c",
    "id -u; cat /etc/hosts >/dev/null && echo read",
  );
  // A bridge that nobody uses any more goes after the command that ended its last container.
  const isUp = ({ name }: Deno.DirEntry) => exists(`${box.root}/networks/${name}/up`);
  await until("all networks are down", () => ![...Deno.readDirSync(`${box.root}/networks`)].some(isUp));
  return {
    root: await tree(box, box.root),
    inside: first + second + again + user,
    files: (await tree(box, box.dir)).filter((line) => !line.startsWith("root")),
  };
}

/** The tour in a root directory of its own, which is gone after it. */
async function toured(umask: string): ReturnType<typeof tour> {
  await using box = new Box();
  return await tour(box, umask);
}

bare("the same is made under any umask", async () => {
  const expected = await toured("022");
  const modes = Object.fromEntries(expected.inside.split("\n").map((line) => line.split(" ")));
  for (
    const [path, mode] of Object.entries({
      "/": "755",
      "/etc/hosts": "644",
      "/etc/hostname": "644",
      "/w/dir": "755",
    })
  ) {
    assertEquals(modes[path], mode, path);
  }
  for (const umask of ["077", "000"]) {
    const found = await toured(umask);
    assertEquals(found.inside, expected.inside, `umask ${umask}, inside`);
    assertEquals(found.root, expected.root, `umask ${umask}, root directory`);
    const [cid] = found.files.filter((line) => line.startsWith("cid "));
    assertEquals(cid, `cid f ${umask === "077" ? "600" : "666"} 0:0`);
    const others = (lines: string[]) => lines.filter((line) => !line.startsWith("cid "));
    assertEquals(others(found.files), others(expected.files), `umask ${umask}, what the caller gets`);
  }
  assertNotEquals(expected.root.length, 0);
}, { seconds: 200 });
