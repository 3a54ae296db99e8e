// Who the container's process is: -u, looked up in the image's own /etc/passwd and /etc/group.

import { CommandError } from "../cli/error.ts";
import { readInside } from "../layer/inside.ts";

export interface Identity {
  uid: number;
  gid: number;
  /** Supplementary groups, the primary one among them where it is listed so. */
  groups: number[];
  home: string;
}

interface User {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** Lines of colon-separated fields, as passwd(5) and group(5) have them. */
function records(root: number, path: string): string[][] {
  const text = readInside(root, path) ?? "";
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) =>
    line.split(":")
  );
}

function users(root: number): User[] {
  return records(root, "/etc/passwd")
    .map(([name, , uid, gid, , home]) => ({ name, uid: Number(uid), gid: Number(gid), home: home || "/" }))
    .filter((user) => Number.isInteger(user.uid) && Number.isInteger(user.gid));
}

const isNumber = (text: string) => /^\d+$/.test(text);

function asId(text: string): number {
  const id = Number(text);
  if (id > 2 ** 31 - 1) throw new CommandError("uids and gids must be in range 0-2147483647");
  return id;
}

/**
 * Resolves USER[:GROUP], names or numbers, as docker does: a user alone brings the groups that list it, a group given
 * is the only one. The groups of `more` (--group-add) come on top. Throws CommandError for names the image does not know.
 */
export function resolveIdentity(root: number, spec: string, more: string[] = []): Identity {
  const [userPart, groupPart] = spec.split(":", 2);
  const known = users(root);
  const wanted = userPart || "0";
  const user = known.find((user) => user.name === wanted) ??
    (isNumber(wanted) ? known.find((user) => user.uid === Number(wanted)) : undefined);
  if (!user && !isNumber(wanted)) {
    throw new CommandError(`unable to find user ${wanted}: no matching entries in passwd file`);
  }
  const uid = user?.uid ?? asId(wanted);
  const home = user?.home ?? "/";
  const groups = records(root, "/etc/group").map(([name, , gid, members]) => ({
    name,
    gid: Number(gid),
    members: members?.split(",") ?? [],
  })).filter((group) => Number.isInteger(group.gid));
  const added = more.map((wanted) => {
    const group = groups.find(({ name }) => name === wanted)?.gid ?? (isNumber(wanted) ? asId(wanted) : -1);
    if (group >= 0) return group;
    throw new CommandError(`Unable to find group ${wanted}: no matching entries in group file`);
  });
  if (groupPart) {
    const group = groups.find((group) => group.name === groupPart)?.gid ??
      (isNumber(groupPart) ? asId(groupPart) : undefined);
    if (group === undefined) {
      throw new CommandError(`unable to find group ${groupPart}: no matching entries in group file`);
    }
    return { uid, gid: group, groups: [...new Set([group, ...added])], home };
  }
  const gid = user?.gid ?? 0;
  const listed = user
    ? groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid)
    : [];
  return { uid, gid, groups: [...new Set([gid, ...listed, ...added])], home };
}
