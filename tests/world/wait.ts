// Waiting for what can be seen, with an end.

/**
 * All waits take so many times as long as they say: `make test-vm` runs the tests on an emulated processor.
 */
const PATIENCE = Deno.env.has("MYDOCKER_VM") ? 15 : 1;

/** Resolves once `condition` answers something other than false and undefined; throws after `seconds`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  patience = 20,
): Promise<Exclude<T, false | undefined>> {
  const seconds = patience * PATIENCE;
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The promise's value; throws after `patience` seconds. */
export async function within<T>(promise: Promise<T>, patience: number, what: string): Promise<T> {
  const seconds = patience * PATIENCE;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${seconds} s in vain until ${what}`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
