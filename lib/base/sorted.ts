// Sorts the keys of maps for docker's output.

/** The same record with sorted keys, as Go writes maps; undefined stays undefined. */
export function sortedByKey<T extends Record<string, unknown> | null | undefined>(record: T): T {
  return record && Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1)) as T;
}
