// The user and groups of a container's process: -u, looked up in the container's /etc/passwd and /etc/group.

import { KernelError } from "../../ffi/errno.ts";
import { mortally } from "../../ffi/mortal.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { readInside } from "../layer/inside.ts";
import type { Identity } from "../keeper/plan.ts";

interface User {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** The largest part of /etc/passwd or /etc/group that is read: enough for hundreds of thousands of users. */
const LIMIT = 16 << 20;
const MAX_ID = 2 ** 31 - 1;

/**
 * Lines of colon-separated fields, as in passwd(5) and group(5). Empty if the file can't be read: anything
 * may be in its place, and must not prevent root from entering by number.
 */
function records(root: number, path: string): string[][] {
  const text = readText(root, path);
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(":"));
}

function readText(root: number, path: string): string {
  try {
    return readInside(root, path, LIMIT) ?? "";
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    step(`${path} of the container is not read: ${error.message}`);
    return "";
  }
}

/** The users whose IDs are numbers. */
function users(root: number): User[] {
  return records(root, "/etc/passwd").flatMap(([name, , uidText = "", gidText = "", , home]) => {
    const [uid, gid] = [parseId(uidText), parseId(gidText)];
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home: home || "/" }];
  });
}

interface Group {
  name: string;
  gid: number;
  members: string[];
}

/** The groups whose IDs are numbers. */
function groupsIn(root: number): Group[] {
  return records(root, "/etc/group").flatMap(([name, , gidText = "", members = ""]) => {
    const gid = parseId(gidText);
    return gid === undefined ? [] : [{ name, gid, members: members.split(",") }];
  });
}

const isNumber = (text: string) => /^\d+$/.test(text);

/** A decimal ID within range; undefined for anything else. */
function parseId(text: string): number | undefined {
  return isNumber(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}

function asId(text: string): number {
  const id = parseId(text);
  if (id === undefined) throw new Failure(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}

/**
 * Resolves USER[:GROUP], names or numbers, as docker does: a user alone brings the groups that list it, while
 * a given group is the only one. The groups of `more` (--group-add) are added. Throws Failure for unknown
 * names.
 */
export function resolveIdentity(root: number, spec: string, more: string[] = []): Identity {
  // The files may be on a file system whose server runs in the container and answers whenever it likes.
  return mortally(() => identityOf(root, spec, more));
}

function identityOf(root: number, spec: string, more: string[]): Identity {
  const [userPart, groupPart] = spec.split(":", 2);
  const known = users(root);
  const wanted = userPart || "0";
  const user = known.find((user) => user.name === wanted) ??
    (isNumber(wanted) ? known.find((user) => user.uid === Number(wanted)) : undefined);
  if (!user && !isNumber(wanted)) {
    throw new Failure(`unable to find user ${wanted}: no matching entries in passwd file`);
  }
  const uid = user?.uid ?? asId(wanted);
  const home = user?.home ?? "/";
  const groups = groupsIn(root);
  const added = more.map((wanted) => {
    const group = groups.find(({ name }) => name === wanted)?.gid ?? (isNumber(wanted) ? asId(wanted) : -1);
    if (group >= 0) return group;
    throw new Failure(`Unable to find group ${wanted}: no matching entries in group file`);
  });
  if (groupPart) {
    const group = groups.find((group) => group.name === groupPart)?.gid ??
      (isNumber(groupPart) ? asId(groupPart) : undefined);
    if (group === undefined) {
      throw new Failure(`unable to find group ${groupPart}: no matching entries in group file`);
    }
    return { uid, gid: group, groups: [...new Set([group, ...added])], home };
  }
  const gid = user?.gid ?? 0;
  const listed = user
    ? groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid)
    : [];
  return { uid, gid, groups: [...new Set([gid, ...listed, ...added])], home };
}
