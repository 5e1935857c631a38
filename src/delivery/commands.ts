import { type Command, InvalidArgumentError } from 'commander';
import { jsonLine, type Open, printable, readCount, withWorld } from '../platform/command-world.ts';
import { readUuid } from '../platform/uuid.ts';
import { explainOutbox, outboxStats, requeue } from './outbox.ts';

const LIMIT_MAX = 1_000_000;

/** `outbox list [--dead]` and `outbox requeue <id>|--all`: what waits, what died and why, and another chance for it. */
export function register(program: Command, open: Open): void {
  const outbox = program
    .command('outbox')
    .description('mails and text messages that wait, were sent, or were given up');

  outbox
    .command('list')
    .description('the newest messages, without anything secret in them')
    .option('--dead', 'only messages that were given up', false)
    .option('--limit <count>', 'how many', positive, 100)
    .option('--json', 'one JSON object per line', false)
    .action(async ({ dead, limit, json }: { dead: boolean; limit: number; json: boolean }) => {
      await withWorld(open, async deps => {
        const entries = await explainOutbox(deps, { dead, limit });
        const lines = json ? entries.map(jsonLine) : table(entries);
        const stats = await outboxStats(deps);
        if (!json) lines.push(`${stats.waiting} waiting, ${stats.dead} dead.`);
        return lines;
      });
    });

  outbox
    .command('requeue')
    .description('tries again to send a dead message, unless it has expired')
    .argument('[id]', 'the id that `outbox list --dead` shows', uuid)
    .option('--all', 'every dead message', false)
    .action(async (id: string | undefined, { all }: { all: boolean }, command: Command) => {
      if ((id === undefined) !== all) command.error('error: name one id, or --all');
      await withWorld(open, async deps => {
        const count = await requeue(deps, { id: id ?? null });
        if (count > 0) return [`Requeued: ${count}.`];
        if (id !== undefined)
          throw new Error('Nothing was requeued: it is unknown, not dead, or has expired.');
        return ['Nothing was requeued: no dead message can still be sent.'];
      });
    });
}

function table(entries: Awaited<ReturnType<typeof explainOutbox>>): string[] {
  return entries.map(
    ({ id, state, channel, template, recipient, attempts, createdAt, lastError, channelError }) =>
      [
        id,
        createdAt.toISOString(),
        state.padEnd(7),
        channel.padEnd(4),
        template.padEnd(18),
        printable(recipient),
        `${attempts} tries`,
        ...(lastError === null ? [] : [printable(lastError)]),
        ...(channelError === null ? [] : [`on its channel: ${printable(channelError)}`]),
      ].join('  '),
  );
}

function positive(text: string): number {
  const count = readCount(text, LIMIT_MAX);
  if (count === null) throw new InvalidArgumentError(`It must be a whole number from 1 to ${LIMIT_MAX}.`);
  return count;
}

function uuid(text: string): string {
  const id = readUuid(text);
  if (id === null) throw new InvalidArgumentError('It must be a UUID.');
  return id;
}
