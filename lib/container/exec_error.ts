// A command that could not be executed, in docker's words and with its codes.

import { errnoText } from "../../ffi/errno.ts";
import { CommandError } from "../cli/error.ts";

const [ENOENT, EACCES] = [2, 13];

/** For `command`, argv[0], of which execve(2) said `errno`: exit code 127 where it is not there, else 126. */
export function execError(command: string, errno: number): CommandError {
  const [name, reason] = [JSON.stringify(command), errnoText(errno)];
  if (errno === ENOENT && !command.includes("/")) {
    return new CommandError(`exec: ${name}: executable file not found in $PATH`, 127);
  }
  if (errno === ENOENT) return new CommandError(`exec: ${name}: ${reason}`, 127);
  const hint = errno === EACCES ? "" : " (is it built for this machine, and does a script begin with #!?)";
  return new CommandError(`exec: ${name}: ${reason}${hint}`, 126);
}
