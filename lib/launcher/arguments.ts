// The arguments of the project's own tools: this folder's, the checks', the benchmark's. mydocker's commands
// have docker's rules (lib/cli/parse.ts).

// @ts-types="../cli/std.d.ts"
import { parseArgs } from "@std/cli/parse-args";

/** What a tool was called with: words, switches, and flags with a text where they were given. */
type Given<Switch extends string, Text extends string> =
  & { words: string[] }
  & Record<Switch, boolean>
  & Partial<Record<Text, string>>;

/** Takes this process's arguments apart. Throws where one is a flag that the tool has not. */
export function toolArguments<Switch extends string = never, Text extends string = never>(
  { switches = [], texts = [] }: { switches?: Switch[]; texts?: Text[] } = {},
): Given<Switch, Text> {
  const unknown = (arg: string, flag?: string) => {
    if (flag !== undefined) throw new Error(`no such flag: ${arg}`);
  };
  const { _: words, ...flags } = parseArgs(Deno.args, {
    boolean: switches,
    string: ["_", ...texts],
    unknown,
  });
  return { words, ...flags } as Given<Switch, Text>;
}
