/** The version of mydocker. */
export const VERSION = "0.1.0";
