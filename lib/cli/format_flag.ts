// The flag --format.

import type { Flag } from "./command.ts";

/** For commands that print a table of rows; cli/format.ts reads it. */
export const FORMAT_ROWS: Flag = {
  name: "format",
  kind: "string",
  help: "Format output using a custom template: 'table TEMPLATE', 'json' or a Go template",
};

/** For commands that print objects. */
export const FORMAT_OBJECT: Flag = {
  name: "format",
  short: "f",
  kind: "string",
  help: "Format output using a custom template: 'json' or a Go template",
};
