// Finds the detach keys in typed input.

/** The input to pass on, and whether the keys are complete. What follows them is dropped. */
export interface Scanned {
  pass: Uint8Array;
  detach: boolean;
}

/**
 * Searches input that arrives in pieces for the keys, if there are any. Bytes that may become the keys are
 * held back until that is decided.
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
