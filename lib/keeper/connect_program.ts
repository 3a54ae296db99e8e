// Interfaces for a running container: a process enters its network namespace and does there what the first
// process does at a start. It completes that even if mydocker is killed.

import { CLONE_NEWNET } from "../../ffi/clone.ts";
import { FAILED_STEP, FAILURE, newProgram } from "../../ffi/program.ts";
import { closeOthers, introduce } from "./steps.ts";
import { type NetworkPlan, setUpNetwork } from "./network_steps.ts";
import { send } from "./source_program.ts";
import { FAILED, STARTED } from "./report.ts";

export interface ConnectPlan {
  /** The container's network namespace. */
  namespace: number;
  /** Interfaces to make, and routes to add afterwards. Its socket belongs to the host's namespace. */
  network: NetworkPlan;
  /** Pipe for the result; "started" means success. */
  messages: number;
}

/** Descriptors it inherits, besides 0 to 2. */
export function connectDescriptors({ namespace, network, messages }: ConnectPlan): number[] {
  return [namespace, network.socket, messages].sort((a, b) => a - b);
}

/** The program that sets up a network in a running container. */
export function connectProgram(plan: ConnectPlan) {
  const p = newProgram();
  const failed = p.label();
  const message = p.words([0, 0, 0]);
  p.onFailure(failed);
  introduce(p, "mydocker-connect");
  closeOthers(p, connectDescriptors(plan));
  p.call("setns", [plan.namespace, CLONE_NEWNET], { what: "the container's network" });
  setUpNetwork(p, plan.network);
  send(p, plan.messages, message, STARTED, p.cell(), 0);
  p.call("exit_group", [0]);

  p.place(failed);
  send(p, plan.messages, message, FAILED, FAILED_STEP, FAILURE);
  p.call("exit_group", [1]);
  return p.assemble();
}
