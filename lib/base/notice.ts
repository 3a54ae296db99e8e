// What has to be said while the work goes on. Most of it comes from deep below a command, which may go on for
// long, or fail, after it: so it is not returned but said at once, to one sink. Whoever runs commands sets it
// (cli/execute.ts); without one nothing is said.

let sink: (text: string) => void = () => {};

/** Has notices go to `write`, each a line with its end. */
export function noticesTo(write: (text: string) => void): void {
  sink = write;
}

/** One line for the user, of something that is no reason to stop. */
export function notice(message: string): void {
  sink(`mydocker: ${message}\n`);
}

/** The same, of something that is not as it should be. */
export function warn(message: string): void {
  notice(`warning: ${message}`);
}
