/** Refusals that are declared and that nothing in here reaches, each with the reason. */
export const exceptions: Readonly<Record<string, string>> = Object.fromEntries(
  ['POST /signup/google', 'POST /oauth/{provider}/id-token', 'POST /oauth/exchange'].map(route => [
    `${route} overloaded`,
    'Somebody else must take the address of a new account three times in a row, between a read and a write.',
  ]),
);
