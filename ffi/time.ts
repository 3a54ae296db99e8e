// A moment, for whoever asks no clock.

/** A moment, since 1970. */
export interface Time {
  seconds: number;
  nanoseconds: number;
}
