// Looking for the detach keys in what is typed.

/**
 * What to pass on of some input, and whether the keys were complete: then what came after them is dropped.
 */
export interface Scanned {
  pass: Uint8Array;
  detach: boolean;
}

/**
 * Looks for the keys, if there are any, in input that comes in pieces. What may become the keys is held back
 * until it can't.
 */
export function detachScanner(keys: number[]): (input: Uint8Array) => Scanned {
  let matched = 0;
  return (input) => {
    const pass: number[] = [];
    for (const byte of input) {
      if (byte !== keys[matched]) {
        pass.push(...keys.slice(0, matched));
        matched = 0;
      }
      if (byte === keys[matched]) matched++;
      else pass.push(byte);
      if (matched > 0 && matched === keys.length) return { pass: new Uint8Array(pass), detach: true };
    }
    return { pass: new Uint8Array(pass), detach: false };
  };
}
