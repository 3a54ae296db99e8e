// The level of this machine's processor by the x86-64 psABI ("micro-architecture levels").

/**
 * The features that each level adds, by their names in /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h).
 */
const LEVELS = [
  ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
  ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
  ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

/** The N of the highest level "vN" that a processor with these flags reaches. */
export function levelOf(flags: Iterable<string>): number {
  const has = new Set(flags);
  const missing = LEVELS.findIndex((level) => !level.every((flag) => has.has(flag)));
  return (missing < 0 ? LEVELS.length : missing) + 1;
}

/** The level of this machine's processor. */
export function processorLevel(): number {
  const text = Deno.readTextFileSync("/proc/cpuinfo");
  return levelOf(/^flags\s*: (.*)$/m.exec(text)?.[1].split(" ") ?? []);
}
