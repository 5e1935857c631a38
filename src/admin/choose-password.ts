import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Owner } from '../passwords/own-words.ts';
import { requirePolicy } from '../passwords/policy.ts';
import type { Deps } from '../platform/deps.ts';

/**
 * How the operator gives a password: on standard input, or as an argument (which other users of the machine can see
 * while the command runs). If left out, it is asked for on a terminal, else made and shown once.
 */
export interface PasswordChoice {
  readonly passwordStdin: boolean;
  readonly password?: string;
}

export interface ChosenPassword {
  readonly hash: string;
  /** The password to print, when it was made here. */
  readonly made: string | null;
}

// 24 random characters (144 bits) and the four of EVERY_CLASS.
const MADE_LENGTH = 28;
// Holds every class that the policy may require, whatever the random part holds.
const EVERY_CLASS = '-aA1';

/** A password for an account, checked against the policy and hashed. Refuses with 422. */
export async function choosePassword(
  deps: Deps,
  { passwordStdin, password: given }: PasswordChoice,
  owner: Owner,
): Promise<ChosenPassword> {
  const typed =
    given ?? (passwordStdin ? await readLine() : process.stdin.isTTY === true ? await askTwice() : null);
  const made = typed === null ? makePassword(deps) : null;
  const password = typed ?? (made as string);
  await requirePolicy(deps, { password, owner });
  return { hash: await deps.hasher.hash(password), made };
}

function makePassword({ config, random }: Pick<Deps, 'config' | 'random'>): string {
  const { minLength, maxLength } = config.passwords;
  const length = Math.min(Math.max(MADE_LENGTH, minLength), maxLength) - EVERY_CLASS.length;
  // A byte makes more than one character of base64url.
  return random.bytes(length).toString('base64url').slice(0, length) + EVERY_CLASS;
}

async function readLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text.replace(/\r?\n$/, '');
}

async function askTwice(): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    process.stderr.write('Password: ');
    const first = await lines.question('');
    process.stderr.write('\nAgain: ');
    const second = await lines.question('');
    process.stderr.write('\n');
    if (first !== second) throw new Error('The two passwords differ.');
    return first;
  } finally {
    lines.close();
  }
}
