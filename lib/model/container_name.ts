// Valid names of containers.

import { Failure } from "../base/error.ts";

/**
 * Throws Failure unless `name` is a valid name of a container; returns it without the "/" that docker
 * tolerates.
 */
export function checkName(name: string): string {
  const plain = name.replace(/^\//, "");
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain)) {
    throw new Failure(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, at least two of them`,
    );
  }
  return plain;
}
