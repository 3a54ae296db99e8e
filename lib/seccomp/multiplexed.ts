// Sockets and System V IPC on 32-bit x86. They have calls of their own, and the older socketcall(2) and
// ipc(2), whose first argument selects one of them (linux/net.h, linux/ipc.h). Rules for the one must hold
// for the other.

import type { Condition } from "./compile.ts";
import type { Action } from "./program.ts";

type Rules = Map<string, { conditions: Condition[]; action: Action }[]>;

/** By their numbers. */
const CALLS: Record<string, Record<string, number>> = {
  socketcall: {
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  },
  ipc: {
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  },
};

/**
 * These rules, and those that follow from them for the older calls. The other arguments are in memory, which
 * filters can't read.
 */
export function multiplexed(rules: Rules): Rules {
  const all: Rules = new Map(rules);
  for (const [older, calls] of Object.entries(CALLS)) {
    const found = Object.entries(calls).flatMap(([name, number]) =>
      (rules.get(name) ?? []).filter(({ conditions }) => conditions.length === 0).slice(0, 1).map((
        { action },
      ) => ({
        conditions: [{ argument: 0, operator: "==" as const, value: BigInt(number) }],
        action,
      }))
    );
    if (found.length > 0) all.set(older, [...rules.get(older) ?? [], ...found]);
  }
  return all;
}
