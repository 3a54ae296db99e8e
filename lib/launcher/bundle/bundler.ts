// esbuild, told about this project: how its imports are found, which entries are made up, and how one chunk
// imports from another.

import * as esbuild from "esbuild";

/** An esbuild with the project's names. */
export interface Bundler {
  /** What is imported by what, from these entries on. */
  analyse(entries: string[]): Promise<esbuild.Metafile>;
  /** The names that each of these modules exports. */
  exportsOf(ids: string[]): Promise<Map<string, string[]>>;
  /**
   * One file of this source. `outside` says where what is not to be in it comes from: the file to import, and
   * what names that has for the module's own.
   */
  chunk(source: string, outside: (id: string) => Outside | undefined): Promise<Built>;
}

export interface Outside {
  file: string;
  /** What the module exports. */
  exports: string[];
  /** The file's names for what is used of that. */
  names: Record<string, string>;
}

export interface Built {
  text: string;
  /** Other chunks' files that it imports, as often as it does. */
  imports: string[];
  /** The same of those that it imports lazily. */
  lazyImports: string[];
}

/** How the ID of a module begins that is no file, but an entry that was made up. */
export const ENTRY = "entry:";

/** A file of plain constants, whose values esbuild writes where they are used: it is in no bundle. */
const CONSTANTS = "ffi/constants.ts";

export interface Project {
  folder: string;
  /** Sources of modules that are no files, by what follows ENTRY in their IDs. */
  entries: Map<string, string>;
  /** The file of a bare specifier ("@std/fmt/printf"). Throws where there is no such package. */
  packageFile: (name: string) => Promise<string>;
}

const OPTIONS = {
  bundle: true,
  write: false,
  metafile: true,
  format: "esm",
  target: "esnext",
  minify: true,
  // Names of functions are for traces alone, and keeping them costs every start 0.5 ms: a trace with names is
  // that of `deno run -A main.ts`.
  keepNames: false,
  legalComments: "none",
  logLevel: "error",
  // So that the names of inputs are absolute paths, but for the first slash.
  absWorkingDir: "/",
} as const;

export function newBundler(project: Project): Bundler {
  const options = { ...OPTIONS, outdir: `${project.folder}/.build/nowhere` };
  return {
    async analyse(entries) {
      const plugins = [finding(project)];
      const { metafile } = await esbuild.build({
        ...options,
        splitting: true,
        entryPoints: entries.map((id, n) => ({ in: id, out: String(n) })),
        plugins,
      });
      checkInlined(metafile);
      return metafile;
    },

    async exportsOf(ids) {
      const files = ids.filter((id) => !id.startsWith(ENTRY));
      const entryPoints = files.map((id, n) => ({ in: `/${id}`, out: String(n) }));
      const { metafile } = await esbuild.build({ ...options, bundle: false, entryPoints });
      const found = Object.values(metafile.outputs).map(({ entryPoint, exports }) =>
        [entryPoint!, exports] as const
      );
      return new Map([...ids.map((id) => [id, [] as string[]] as const), ...found]);
    },

    async chunk(source, outside) {
      const stdin = { contents: source, resolveDir: project.folder, loader: "ts" } as const;
      const plugins = [importing(outside), finding(project, outside)];
      const { outputFiles, metafile } = await esbuild.build({ ...options, stdin, plugins });
      const [{ imports }] = Object.values(metafile.outputs);
      const ofKind = (wanted: esbuild.ImportKind) =>
        imports.filter(({ kind, path }) => kind === wanted && path.startsWith("./")).map(({ path }) => path);
      return {
        text: outputFiles[0].text,
        imports: ofKind("import-statement"),
        lazyImports: ofKind("dynamic-import"),
      };
    },
  };
}

/** Ends esbuild's process. */
export async function stopBundler(): Promise<void> {
  await esbuild.stop();
}

/** Throws where a constant was not written where it is used, but has to be imported from a file. */
function checkInlined({ outputs }: esbuild.Metafile): void {
  const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  if (inputs.some((id) => id.endsWith(`/${CONSTANTS}`))) {
    throw new Error(`${CONSTANTS}: not all that is in it is a plain constant, or it is used as an object`);
  }
}

/**
 * Finds modules as deno does. What is outside is left to importing(), or named by its file where it is lazy.
 */
function finding(
  project: Project,
  outside: (id: string) => Outside | undefined = () => undefined,
): esbuild.Plugin {
  const locate = async (path: string, folder: string): Promise<string> => {
    if (path.startsWith(".")) return new URL(path, `file://${folder}/`).pathname;
    return path.startsWith("/") ? path : await project.packageFile(path);
  };
  return {
    name: "finding",
    setup(build) {
      build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true }));
      build.onResolve({ filter: /.*/ }, async ({ path, resolveDir, kind }) => {
        if (path.startsWith(ENTRY)) return { path: path.slice(ENTRY.length), namespace: "entry" };
        const file = await locate(path, resolveDir);
        const elsewhere = outside(file.slice(1));
        if (!elsewhere) return { path: file, sideEffects: !file.endsWith(`/${CONSTANTS}`) };
        if (kind === "dynamic-import") return { path: elsewhere.file, external: true };
        return { path: file.slice(1), namespace: "outside", sideEffects: false };
      });
      build.onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => {
        return { contents: project.entries.get(path)!, resolveDir: project.folder, loader: "ts" };
      });
    },
  };
}

/** Has a module that is outside be no more than the names it has in another file. */
function importing(outside: (id: string) => Outside | undefined): esbuild.Plugin {
  return {
    name: "importing",
    setup(build) {
      build.onResolve({ filter: /^\.\//, namespace: "outside" }, ({ path }) => {
        return { path, external: true, sideEffects: false };
      });
      build.onLoad({ filter: /.*/, namespace: "outside" }, ({ path }) => {
        const { file, exports, names } = outside(path)!;
        // Who imports what nobody uses wants it to be there all the same.
        const lines = exports.map((own) =>
          own in names
            ? `export { ${names[own]} as ${own} } from ${JSON.stringify(file)};`
            : `const unused_${own} = 0; export { unused_${own} as ${own} };`
        );
        return { contents: lines.join("\n"), loader: "js" };
      });
    },
  };
}
