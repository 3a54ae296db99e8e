// Checks the shape of JSON documents that others wrote, by tables of their fields, before anything of them is
// used.

/** Says what is wrong with the value at `path`; undefined where nothing is. */
export type Shape = (value: unknown, path: string) => string | undefined;

const NAMES: Record<string, string> = { object: "an object", string: "a string", number: "a number" };

function fail(path: string, expected: string, value: unknown): string {
  const found = Array.isArray(value) ? "a list" : value === null ? "null" : NAMES[typeof value];
  return `${path || "it"} must be ${expected}, not ${found ?? value}`;
}

/** A string that can be passed to the kernel, which ends strings at a NUL. */
export const text: Shape = (value, path) => {
  if (typeof value !== "string") return fail(path, "a string", value);
  return value.includes("\0") ? `${path} has a NUL in it` : undefined;
};

/** An integer like Go's int64, as far as a number can hold it. */
export const integer: Shape = (value, path) =>
  Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63
    ? undefined
    : fail(path, "an integer", value);

export const truth: Shape = (value, path) =>
  typeof value === "boolean" ? undefined : fail(path, "true or false", value);

/** A string that matches the pattern. */
export function word(pattern: RegExp, expected: string): Shape {
  return (value, path) => {
    if (typeof value !== "string") return fail(path, expected, value);
    return pattern.test(value) ? undefined : `${path} must be ${expected}, not ${JSON.stringify(value)}`;
  };
}

/** A list of such values, at most `most` of them. */
export function list(shape: Shape, most = Infinity): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return fail(path, "a list", value);
    if (value.length > most) return `${path} has ${value.length} items, more than ${most}`;
    return firstOf(value, (item, i) => shape(item, `${path}[${i}]`));
  };
}

/** An object with any keys, whose values have this shape. */
export function map(shape: Shape): Shape {
  return (value, path) =>
    isObject(value)
      ? firstOf(
        Object.entries(value),
        ([name, item]) => text(name, `a name in ${path}`) ?? shape(item, `${path}[${JSON.stringify(name)}]`),
      )
      : fail(path, "an object", value);
}

/**
 * An object whose fields have these shapes if they exist; the fields in `required` must exist. null counts as
 * missing, as in Go's encoding/json. Other fields are ignored.
 */
export function fields(optional: Record<string, Shape>, required: Record<string, Shape> = {}): Shape {
  const all = Object.entries({ ...optional, ...required });
  return (value, path) => {
    if (!isObject(value)) return fail(path, "an object", value);
    return firstOf(all, ([name, shape]) => {
      const where = path ? `${path}.${name}` : name;
      const field = Object.hasOwn(value, name) ? value[name] : undefined;
      if (field !== undefined && field !== null) return shape(field, where);
      return Object.hasOwn(required, name) ? `${where} is missing` : undefined;
    });
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function firstOf<T>(items: T[], check: (item: T, index: number) => string | undefined): string | undefined {
  for (const [i, item] of items.entries()) {
    const problem = check(item, i);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
