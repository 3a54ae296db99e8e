// The order of a map's keys in what docker prints.

/** The same record with its keys in order, as Go writes a map; undefined stays so. */
export function sortedByKey<T extends Record<string, unknown> | null | undefined>(record: T): T {
  return record && Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1)) as T;
}
