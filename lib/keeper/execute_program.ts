// The last step of a program, which executes a command of the container.

import { EACCES, ENOENT, ENOTDIR } from "../../ffi/constants.ts";
import type { Program } from "../../ffi/program.ts";

/**
 * Appends steps that execute `argv`. PATH is searched in the container by trying each path, since anything
 * may be there. A failure is one of "execve".
 */
export function execute(p: Program, plan: { argv: string[]; environment: string[] }): void {
  const argv = p.strings(plan.argv);
  const environment = p.strings(plan.environment);
  const command = plan.argv[0];
  if (command.includes("/")) {
    p.call("execve", [p.string(command), argv, environment], { what: command });
    return;
  }
  const denied = p.cell();
  const result = p.cell();
  const path = plan.environment.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  for (const folder of path.split(":")) {
    const failed = p.label();
    const next = p.label();
    const refused = p.label();
    p.call("execve", [p.string(`${folder || "."}/${command}`), argv, environment], {
      store: result,
      negative: failed,
      what: command,
    });
    p.place(failed);
    for (const errno of [-ENOENT, -ENOTDIR]) {
      const other = p.label();
      p.subtract(result, errno, { zero: next, negative: other, positive: other });
      p.place(other);
    }
    const fatal = p.label();
    p.subtract(result, -EACCES, { zero: refused, negative: fatal, positive: fatal });
    p.place(fatal);
    p.fail("execve", result, command);
    p.place(refused);
    p.set(denied, 1);
    p.place(next);
  }
  const notFound = p.label();
  p.subtract(denied, 0, { zero: notFound });
  p.fail("execve", -EACCES, command);
  p.place(notFound);
  p.fail("execve", -ENOENT, `${command} in PATH`);
}
