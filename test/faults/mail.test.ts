// docs/failure-modes.md, the column of SMTP: nobody who asks waits for a mail server, and nothing is lost while it is away.
import { afterEach, expect, test } from 'vitest';
import { startDelivery } from '../../src/delivery/worker.ts';
import { testApp } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { closeAll, closing, receiver, stateOf, until } from '../support/mailing.ts';
import { person } from '../support/people.ts';

afterEach(closeAll);

test('down: a reset is answered as ever, the mail waits, and goes when the server is back', async () => {
  const port = await freePort();
  const world = await testApp({ mail: { smtpUrl: `smtp://127.0.0.1:${port}` } });
  closing.push(world.close);
  const delivery = startDelivery(world.deps, { pollSeconds: 0.05 });
  closing.push(delivery.stop);
  const ada = await person(world);
  const ask = (email: string) => world.call('POST', '/password-reset/request', { body: { email } });
  const answers = [await ask(ada.email), await ask('nobody@example.com')];
  expect(answers.map(({ statusCode, body }) => [statusCode, body])).toEqual([
    [200, answers[0]?.body],
    [200, answers[0]?.body],
  ]);
  await until(async () => (await stateOf(world.deps, ada.email)) === 'waiting');
  const server = await receiver({ port });
  const mail = await until(async () => {
    world.deps.clock.advance(60);
    delivery.wake();
    return server.mails.find(({ to }) => to.includes(ada.email));
  });
  expect(mail.subject.toLowerCase()).toContain('reset');
});
