import type { Command } from 'commander';
import { findAccountByLogin } from '../accounts/find.ts';
import type { Deps } from '../platform/deps.ts';
import { explain } from './explain.ts';

interface World {
  readonly deps: Deps;
  close(): Promise<void>;
}

/** `why NAME`: what stands between somebody and a login. Exits with 1 when nobody has the name. */
export function register(program: Command, open: () => Promise<World>): void {
  program
    .command('why')
    .description('why somebody cannot log in, by address or username')
    .argument('<name>', 'an address or a username')
    .option('--json', 'as JSON', false)
    .action(async (name: string, { json }: { json: boolean }) => {
      const world = await open();
      try {
        const account = await findAccountByLogin(world.deps.db, name);
        if (account === null) {
          process.exitCode = 1;
          process.stderr.write('Nobody has this address or username.\n');
          return;
        }
        const { can_log_in, obstacles, failures, factors, recent, user_id } = await explain(
          world.deps,
          account,
        );
        if (json) {
          process.stdout.write(
            `${JSON.stringify({ user_id, can_log_in, obstacles, failures, factors, recent })}\n`,
          );
          return;
        }
        const lines = [
          `${account.email} (${user_id}) ${can_log_in ? 'can log in' : 'cannot log in'}`,
          ...obstacles.map(
            ({ code, message, until }) => `  ${code}: ${message}${until === null ? '' : ` Until ${until}.`}`,
          ),
          ...failures.map(
            ({ count, last_at, known_device }) =>
              `  ${count} failures, the last ${last_at}, ${known_device ? 'on a known device' : 'from strangers'}`,
          ),
          factors.length === 0 ? '  no second factor' : `  second factors: ${factors.join(', ')}`,
          ...recent
            .slice(0, 8)
            .map(({ created_at, type, reason }) => `  ${created_at} ${type} ${reason ?? ''}`),
        ];
        process.stdout.write(`${lines.join('\n')}\n`);
      } finally {
        await world.close();
      }
    });
}
