// --log-driver and --log-opt.

import { Refusal } from "../base/error.ts";
import { parseBytes } from "../base/human.ts";
import { DEFAULT_LOG_LIMITS, type LogConfig } from "../model/container.ts";

const DRIVERS = ["json-file", "local", "none"] as const;
/** What --log-driver none keeps, for attached clients. */
const NONE = { maxSize: 1024 * 1024, maxFiles: 1 };

/**
 * Reads "key=value" options of a log driver. Throws Refusal for unknown drivers, keys and bad values.
 */
export function parseLogOptions(driver: string, list: string[]): LogConfig {
  const known = DRIVERS.find((name) => name === driver);
  if (!known) {
    throw new Refusal(
      `logger: no log driver named '${driver}' is registered: there are ${DRIVERS.join(", ")}`,
    );
  }
  const options = Object.fromEntries(list.map((option) => option.split(/=(.*)/s).concat("").slice(0, 2)));
  const unknown = Object.keys(options).find((key) => key !== "max-size" && key !== "max-file");
  if (unknown !== undefined) throw new Refusal(`unknown log opt '${unknown}' for ${driver} log driver`);
  if (known === "none") {
    if (list.length > 0) throw new Refusal("log options make no sense with --log-driver none");
    return { driver: known, options, ...NONE };
  }
  return { driver: known, options, ...limits(options) };
}

function limits({ "max-size": size, "max-file": count }: Record<string, string>) {
  const maxSize = size === undefined
    ? DEFAULT_LOG_LIMITS.maxSize
    : size === "-1"
    ? undefined
    : parseBytes(size);
  if (maxSize === 0) throw new Refusal("max-size must be a positive number");
  if (count !== undefined && !/^[1-9]\d{0,3}$/.test(count)) {
    throw new Refusal("max-file must be a number from 1 to 9999");
  }
  // Docker's default is one file if there is a limit.
  const files = count !== undefined ? Number(count) : size === undefined ? DEFAULT_LOG_LIMITS.maxFiles : 1;
  return { maxSize, maxFiles: files };
}
