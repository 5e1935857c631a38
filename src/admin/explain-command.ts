import type { Command } from 'commander';
import type { Account } from '../accounts/account.ts';
import { findAccountByLogin } from '../accounts/find.ts';
import { jsonLine, type Open, withWorld } from '../platform/command-world.ts';
import { type Explanation, explain } from './explain.ts';

/** `why NAME`: what stands between somebody and a login. Exits with 1 when nobody has the name. */
export function register(program: Command, open: Open): void {
  program
    .command('why')
    .description('says why somebody cannot log in')
    .argument('<name>', 'an address or a username')
    .option('--json', 'as JSON', false)
    .action((name: string, { json }: { json: boolean }) =>
      withWorld(open, async deps => {
        const account = await findAccountByLogin(deps.db, name);
        if (account === null) {
          process.exitCode = 1;
          process.stderr.write('Nobody has this address or username.\n');
          return [];
        }
        const explanation = await explain(deps, account);
        return json ? [jsonLine(explanation)] : inWords(account, explanation);
      }),
    );
}

function inWords(
  { email }: Account,
  { can_log_in, obstacles, failures, factors, recent, user_id }: Explanation,
): string[] {
  return [
    `${email} (${user_id}) ${can_log_in ? 'can log in' : 'cannot log in'}`,
    ...obstacles.map(
      ({ code, message, until }) => `  ${code}: ${message}${until === null ? '' : ` Until ${until}.`}`,
    ),
    ...failures.map(
      ({ count, last_at, known_device }) =>
        `  ${count} failures, the last ${last_at}, ${known_device ? 'on a known device' : 'from strangers'}`,
    ),
    factors.length === 0 ? '  no second factor' : `  second factors: ${factors.join(', ')}`,
    ...recent.slice(0, 8).map(({ created_at, type, reason }) => `  ${created_at} ${type} ${reason ?? ''}`),
  ];
}
