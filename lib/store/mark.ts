import { encodeName } from "../../ffi/bytes.ts";
import { pathOf } from "../../ffi/file.ts";
import { digestOf } from "../base/digest.ts";
import { rootFd } from "./root.ts";

/**
 * 12 hex digits that stand for the root directory in names that the whole host shares. Two root directories
 * never have the same mark.
 */
export async function rootMark(): Promise<string> {
  return (await digestOf(encodeName(pathOf(rootFd())))).slice(0, 12);
}
