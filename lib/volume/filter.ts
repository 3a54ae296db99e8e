// --filter of volume ls and volume prune.

import { type Filters, matchesLabels, namePattern } from "../cli/filter.ts";
import type { Volume } from "./store.ts";

/** Whether a volume passes the filters on name, driver and label: any of the names, all of the labels. */
export function matches(volume: Volume, filters: Filters): boolean {
  const { name, labels = {} } = volume;
  const any = (key: string, test: (wanted: string) => boolean) => filters.get(key)?.some(test) ?? true;
  return any("name", (wanted) => name === wanted || namePattern(wanted)(name)) &&
    any("driver", (wanted) => wanted === "local") && matchesLabels(labels, filters);
}
