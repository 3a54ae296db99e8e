// Numbers as docker's flags take them.

/** The largest number that docker's flags take, Go's int64, as near as a number comes to it. */
export const MAX_WHOLE = 2 ** 63;
