// The range of numbers in docker's flags.

/** The largest number in docker's flags, Go's int64, as exactly as a number can hold it. */
export const MAX_WHOLE = 2 ** 63;
