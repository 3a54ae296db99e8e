// Programs of the host.

/** The path of a program, without links; undefined where there is none. */
export function find(name: string): string | undefined {
  for (const dir of (Deno.env.get("PATH") ?? "/usr/bin:/bin").split(":")) {
    try {
      if (Deno.statSync(`${dir}/${name}`).isFile) return Deno.realPathSync(`${dir}/${name}`);
    } catch { /* Not there. */ }
  }
  return undefined;
}
