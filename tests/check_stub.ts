// Assembles ffi/stub_*.S with binutils and compares with the bytes in ffi/stub.ts. An assembler that isn't
// installed is named and skipped, except where CI=true promises all of them.

import { stubCode } from "../ffi/stub.ts";

function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "inherit", stderr: "inherit" }).outputSync().success;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log(
      `check_stub: ${command} is not installed (Debian's binutils has it for this machine, ` +
        `binutils-ARCH-linux-gnu for others)`,
    );
    missing = true;
    return false;
  }
}

/** Debian's names: every binutils package has its tools under the prefixed name. */
function assemble(arch: "x86_64" | "aarch64"): Uint8Array | undefined {
  const source = new URL(`../ffi/stub_${arch}.S`, import.meta.url).pathname;
  const prefix = `${arch}-linux-gnu-`;
  const dir = Deno.makeTempDirSync();
  try {
    const done = run(`${prefix}as`, "-o", `${dir}/stub.o`, source) &&
      run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", `${dir}/stub.o`, `${dir}/stub.bin`);
    return done ? Deno.readFileSync(`${dir}/stub.bin`) : undefined;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

let missing = false;
let failed = false;
for (const arch of ["x86_64", "aarch64"] as const) {
  missing = false;
  const assembled = assemble(arch);
  if (missing) {
    failed ||= Deno.env.get("CI") === "true";
  } else if (assembled && hex(assembled) === hex(stubCode(arch))) {
    console.log(`check_stub: ${arch}: ${assembled.length} bytes, as in ffi/stub.ts`);
  } else {
    failed = true;
    console.log(`check_stub: ${arch}: ffi/stub_${arch}.S and ffi/stub.ts differ`);
    if (assembled) console.log(`  the source makes ${hex(assembled)}`);
  }
}
Deno.exit(failed ? 1 : 0);
