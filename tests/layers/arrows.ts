// Which file imports which, types and lazy imports included, as deno itself reads them.

/** An import: files as paths from the project's folder, and the line it stands in. */
export interface Arrow {
  from: string;
  to: string;
  line: number;
}

interface Place {
  specifier?: string;
  span: { start: { line: number } };
}

interface Info {
  modules: { specifier: string; dependencies?: { code?: Place; type?: Place }[] }[];
}

/** All of the project's own modules: main.ts, and what is below lib/ and ffi/. */
export function sourceFiles(project: string): string[] {
  const files: string[] = [];
  const visit = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${project}/${folder}`)) {
      const path = folder === "." ? name : `${folder}/${name}`;
      if (isDirectory && folder !== ".") visit(path);
      if (name.endsWith(".ts") && !name.endsWith(".d.ts")) files.push(path);
    }
  };
  for (const folder of [".", "lib", "ffi"]) visit(folder);
  return files.sort();
}

/**
 * The imports between the project's own modules. A module that nothing imports has arrows, too: deno is given
 * one that imports them all. Throws where deno can't read them.
 */
export async function arrows(project: string): Promise<Arrow[]> {
  const files = sourceFiles(project);
  const all = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(all, files.map((file) => `import "file://${project}/${file}";\n`).join(""));
    const config = ["--config", `${project}/deno.json`];
    const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", ...config, all] });
    const { success, stdout, stderr } = await command.output();
    if (!success) throw new Error(`deno info: ${new TextDecoder().decode(stderr)}`);
    return between(JSON.parse(new TextDecoder().decode(stdout)), `file://${project}/`, files);
  } finally {
    await Deno.remove(all);
  }
}

function between(info: Info, prefix: string, files: string[]): Arrow[] {
  const own = new Set(files);
  const pathOf = (specifier: string) => specifier.slice(prefix.length);
  return info.modules.filter(({ specifier }) => own.has(pathOf(specifier))).flatMap((module) =>
    (module.dependencies ?? []).flatMap(({ code, type }) => {
      const place = code ?? type;
      if (!place?.specifier || !own.has(pathOf(place.specifier))) return [];
      return [{
        from: pathOf(module.specifier),
        to: pathOf(place.specifier),
        line: place.span.start.line + 1,
      }];
    })
  );
}

/** Groups of files that import each other in a circle (Tarjan's strongly connected components). */
export function circles(all: Arrow[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of all) next.set(from, [...next.get(from) ?? [], to]);
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string) => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const other of next.get(file) ?? []) {
      if (!order.has(other)) visit(other);
      if (open.includes(other)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(other)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file)).sort();
    if (circle.length > 1) found.push(circle);
  };
  for (const file of next.keys()) if (!order.has(file)) visit(file);
  return found;
}
