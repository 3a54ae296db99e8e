// Adds and removes interfaces of a running container.

import { errnoText } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { pipe, spawn } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { connectDescriptors, type ConnectPlan, connectProgram } from "../keeper/connect_program.ts";
import { readReport } from "../keeper/report.ts";

/** Makes interfaces and adds routes in a network namespace. Throws Failure. */
export function addInterfaces(namespace: number, network: ConnectPlan["network"]): void {
  const [messages, written] = pipe();
  const plan = { namespace, network, messages: written };
  const program = connectProgram(plan);
  try {
    spawn(program, "mydocker: connecting a container", connectDescriptors(plan));
  } finally {
    file.close(written);
  }
  const report = readReport(messages);
  file.close(messages);
  if (report?.kind === "started") return;
  if (report?.kind !== "failed") {
    throw new Failure("the helper of network connect ended before it was done");
  }
  const { what } = program.describe(report.step);
  throw new Failure(`can't set up ${what}: ${errnoText(report.errno)}`);
}
