import { enqueueMail } from '../../src/delivery/enqueue.ts';
import { listOutbox } from '../../src/delivery/outbox.ts';
import { type Delivery, startDelivery } from '../../src/delivery/worker.ts';
import { type TestDeps, testDeps } from './deps.ts';
import { type SmtpReceiver, smtpReceiver } from './smtp.ts';

/** What a test opened, to be closed in the reverse order. */
export const closing: (() => Promise<unknown>)[] = [];
/** For afterEach. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

export async function world(smtpUrl: string | null, from?: TestDeps): Promise<TestDeps> {
  const deps = await testDeps({ mail: { smtpUrl } });
  closing.push(deps.close);
  return from === undefined ? deps : { ...deps, db: from.db, clock: from.clock };
}

export async function receiver(options: Parameters<typeof smtpReceiver>[0] = {}): Promise<SmtpReceiver> {
  const server = await smtpReceiver(options);
  closing.push(server.close);
  return server;
}

export function deliver(deps: TestDeps): Delivery {
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(delivery.stop);
  return delivery;
}

export const queue = (deps: TestDeps, to: string, expiresAt?: Date) =>
  deps.db.transaction(tx =>
    enqueueMail(deps, tx, {
      template: 'verify-email',
      to,
      secrets: { token: `token-for-${to}` },
      ...(expiresAt && { expiresAt }),
    }),
  );

export async function until<T>(look: () => Promise<T | false | null | undefined>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error('It never came to pass.');
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

export const entries = (deps: TestDeps) => listOutbox(deps);
export const stateOf = async (deps: TestDeps, to: string) =>
  (await entries(deps)).find(({ recipient }) => recipient === to)?.state;
