// --restart.

import { Failure } from "../base/error.ts";
import type { RestartPolicy } from "../model/container.ts";
import { MAX_WHOLE } from "../base/whole.ts";

/** Parses "on-failure:3" and the like; "" means "no". Throws Failure in docker's words. */
export function restartPolicy(text: string): RestartPolicy {
  const [name, count, ...more] = (text || "no").split(":");
  if (!["no", "on-failure", "always", "unless-stopped"].includes(name) || more.length > 0) {
    throw new Failure(more.length > 0 ? "invalid restart policy format" : `invalid restart policy '${name}'`);
  }
  if (count !== undefined && (!/^-?\d+$/.test(count) || Math.abs(Number(count)) > MAX_WHOLE)) {
    throw new Failure("maximum retry count must be an integer");
  }
  if (Number(count ?? 0) !== 0 && name !== "on-failure") {
    throw new Failure(`maximum retry count cannot be used with restart policy '${name}'`);
  }
  if (Number(count ?? 0) < 0) throw new Failure("maximum retry count cannot be negative");
  return { name: name as RestartPolicy["name"], maximumRetryCount: Number(count ?? 0) };
}
