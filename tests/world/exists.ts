/** Whether something of any kind has this path; no symlink is followed at its end. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
