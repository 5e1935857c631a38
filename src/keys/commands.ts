import type { Command } from 'commander';
import { operator } from '../audit/record.ts';
import { jsonLine, type Open, snakeCased, withWorld } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { forgetGeneratedRoot } from '../platform/generated-secrets.ts';
import { countCodesByRoot } from '../platform/marked-hashes.ts';
import { countSealed } from '../platform/sealed-columns.ts';
import { type ListedKey, listKeys } from './list.ts';
import { rewrapStoredSecrets } from './rewrap.ts';
import { replaceKeys, rotateKeys } from './rotate.ts';

/** `keys list|rotate|rewrap|forget-root`. */
export function register(program: Command, open: Open): void {
  const keys = program.command('keys').description('signing keys, and the secrets that are stored encrypted');

  keys
    .command('list')
    .description('the keys that sign, will sign or still verify')
    .option('--json', 'one JSON object per line', false)
    .action(({ json }: { json: boolean }) =>
      withWorld(open, async deps =>
        (await listKeys(deps)).map(key => (json ? jsonLine(snakeCased(key)) : lineOf(key))),
      ),
    );

  keys
    .command('rotate')
    .description(
      'publishes the next signing key, which signs ten minutes later; the former one still verifies',
    )
    .option(
      '--leaked',
      'the new key signs at once, and every other is removed: tokens that these signed are refused',
      false,
    )
    .action(({ leaked }: { leaked: boolean }) => withWorld(open, deps => rotate(deps, leaked)));

  keys
    .command('rewrap')
    .description('encrypts stored secrets anew under the present AUTH_ROOT_SECRET')
    .action(() => withWorld(open, rewrap));

  keys
    .command('forget-root')
    .description(
      'removes the generated root secret that AUTH_ROOT_SECRET replaced, after a rewrap and REFRESH_TOKEN_EXPIRE_DAYS; refuses while recovery codes depend on it',
    )
    .option('--with-recovery-codes', 'give up those codes, which then no longer work', false)
    .action(({ withRecoveryCodes }: { withRecoveryCodes: boolean }) =>
      withWorld(open, deps => forgetRoot(deps, withRecoveryCodes)),
    );
}

async function rotate(deps: Deps, leaked: boolean): Promise<string[]> {
  const { algorithm } = deps.config.tokens;
  const inForce = await algorithmInForce(deps);
  if (inForce !== null && inForce !== algorithm) {
    throw new Error(
      `The service signs with ${inForce}, and ALGORITHM is ${algorithm} here: run this with ALGORITHM=${inForce}. Another algorithm signs once the service is restarted with it.`,
    );
  }
  const cause = { actor: operator, caller: null };
  const rotation = leaked
    ? await replaceKeys(deps, cause)
    : await rotateKeys(deps, { ...cause, reason: 'command' });
  if (rotation === null) {
    throw new Error(
      `ALGORITHM=${algorithm} signs with JWT_SECRET_KEY: put the new secret there and ${
        leaked
          ? 'leave the leaked one out of JWT_SECRET_KEY_PREVIOUS. Once every replica is restarted, what it signed is refused, and clients refresh.'
          : 'the old one into JWT_SECRET_KEY_PREVIOUS.'
      }`,
    );
  }
  const { kid, signsFrom } = rotation.key;
  const stands = rotation.made ? 'is published' : 'is waiting already';
  return [`${kid} ${stands} and signs from ${signsFrom.toISOString()}.`];
}

async function rewrap(deps: Deps): Promise<string[]> {
  const results = await rewrapStoredSecrets(deps);
  if (results.some(({ failed }) => failed.length > 0)) process.exitCode = 1;
  const lines = results.map(({ table, column, rewrapped, failed }) => {
    const lost =
      failed.length === 0 ? '' : `, ${failed.length} could not be opened: ${failed.slice(0, 5).join(' ')}`;
    return `${table}.${column}: ${rewrapped} rewrapped${lost}`;
  });
  return [...lines, ...(await codesLeft(deps))];
}

async function forgetRoot(deps: Deps, withRecoveryCodes: boolean): Promise<string[]> {
  const held = (await countSealed(deps)).filter(({ previous }) => previous > 0);
  if (held.length > 0) {
    throw new Error(`It still holds ${held.map(({ table }) => table).join(', ')}: run "keys rewrap" first.`);
  }
  const codes = withRecoveryCodes ? [] : await codesLeft(deps);
  if (codes.length > 0) {
    throw new Error(
      [...codes, 'Nothing was forgotten; --with-recovery-codes gives those codes up.'].join('\n'),
    );
  }
  return (await forgetGeneratedRoot(deps))
    ? ['The generated root secret is forgotten.']
    : ['There is no generated root secret to forget: there is none, or it is in use.'];
}

// With a successor of another algorithm, the service would sign tokens that its verifiers refuse.
async function algorithmInForce(deps: Deps): Promise<string | null> {
  return (await listKeys(deps)).find(({ signsUntil }) => signsUntil === null)?.algorithm ?? null;
}

// Only the hash of a code is stored, so no rewrap can move it: its owner must make new codes while the old root is there.
async function codesLeft(deps: Deps): Promise<string[]> {
  const { previous, unmarked } = await countCodesByRoot(deps);
  const some = (count: number, which: string) =>
    `recovery_codes.code_hash: ${count} unused ${which}, and cannot be rewrapped. They work as long as that root is ` +
    'configured: keep it until their owners have made new codes (docs/keys.md).';
  return [
    ...(previous > 0 ? [some(previous, 'hang on a previous root')] : []),
    ...(unmarked > 0 && deps.secrets.rootIds.length > 1
      ? [some(unmarked, 'are of an earlier release, which did not note the root')]
      : []),
  ];
}

function lineOf({ kid, algorithm, state, signsFrom, signsUntil, verifiesUntil }: ListedKey): string {
  const until = signsUntil === null ? '' : ` until ${signsUntil.toISOString()}`;
  const verifies = verifiesUntil === null ? '' : `  verifies until ${verifiesUntil.toISOString()}`;
  return `${kid}  ${algorithm}  ${state}  signs from ${signsFrom.toISOString()}${until}${verifies}`;
}
