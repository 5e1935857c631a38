import { isUtf8 } from 'node:buffer';
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

// More than the longest password in UTF-8: an input that does not end is not read to its end.
const MOST_BYTES = 65_536;

// An invalid byte is not replaced, nor is a byte order mark taken for a part of the password: nobody could type either.
async function readLine(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) throw new Error('The standard input is too long for a password.');
  }
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes))
    throw new Error(
      'The password on standard input is not UTF-8. Convert it first: iconv -f WINDOWS-1252 -t UTF-8 (or -f UTF-16)',
    );
  return bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .replace(/\r?\n$/, '');
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
