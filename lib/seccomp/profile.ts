export function readProfile(
  _path: string,
  _capabilities: number[],
): { json: string; filter: string | undefined } {
  throw new Error();
}
