import { digestOf } from "../layer/digest.ts";
import { rootPath } from "./root.ts";

/** 12 hex digits that stand for the root directory in names which all of the host shares: two roots never collide. */
export async function rootMark(): Promise<string> {
  const path = new TextEncoder().encode(Deno.realPathSync(rootPath()));
  return (await digestOf(path)).slice(0, 12);
}
