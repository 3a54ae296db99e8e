// Real docker, for tests that hold mydocker against it.

import { type Box, until } from "./world.ts";

/**
 * A docker daemon of the test's own, which goes with it; the value is what to put in front of docker's
 * arguments.
 */
export async function withDocker(box: Box, work: (docker: string[]) => Promise<void>): Promise<void> {
  const socket = `unix://${box.dir}/docker.sock`;
  const dirs = [
    "--data-root",
    `${box.dir}/data`,
    "--exec-root",
    `${box.dir}/exec`,
    "--pidfile",
    `${box.dir}/pid`,
  ];
  const alone = ["--bridge=none", "--iptables=false", "--storage-driver=vfs"];
  await using daemon = box.start`dockerd --host ${socket} ${dirs} ${alone}`;
  const docker = ["docker", "--host", socket];
  try {
    await until("docker answers", async () => (await box.exec`${docker} version`).code === 0, 30);
    await work(docker);
  } finally {
    daemon.kill("SIGTERM");
    await daemon.end(30);
  }
}
