/** Why the program cannot start, for the person who starts it: the message says what to do, and no stack is shown. */
export class StartError extends Error {
  readonly expected = true;
}
