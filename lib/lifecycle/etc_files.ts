// /etc/hostname, /etc/hosts and /etc/resolv.conf: a container has files of its own in its directory, mounted
// over the image's.

import * as file from "../../ffi/file.ts";
import { hostsOf } from "../network/hosts.ts";
import { resolvers } from "../network/resolvers.ts";
import { writeFile } from "../base/json.ts";
import type { Container } from "../model/container.ts";

export const ETC_FILES = ["hostname", "hosts", "resolv.conf"];

/**
 * Makes the files for a start, whatever the container did to those of an earlier run, from its configuration
 * and the host's present files. Its networks are still to be added to `hosts`. A container that shares
 * another's network has that one's files.
 */
export function writeEtcFiles({ dir, config }: Pick<Container, "dir" | "config">): void {
  if (config.network.startsWith("container:")) return;
  const write = (name: string, content: string) => {
    file.unlinkIfAny(dir, name);
    writeFile(dir, name, content, 0o644);
  };
  write("hostname", config.hostname + "\n");
  write("hosts", hostsOf(config));
  write("resolv.conf", resolvers(config));
}
