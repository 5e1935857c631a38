import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import type { TestApp } from './app.ts';
import type { Person } from './people.ts';

export interface SmsRequest {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SmsProvider {
  readonly url: string;
  readonly requests: SmsRequest[];
  close(): Promise<void>;
}

/** A real HTTP server on loopback that takes text messages, and answers all of them with one status and its headers. */
export async function smsProvider(
  status = 200,
  headersSent: Readonly<Record<string, string>> = {},
): Promise<SmsProvider> {
  const requests: SmsRequest[] = [];
  const server = createServer((request, response) => {
    const { url, headers } = request;
    let body = '';
    request.setEncoding('utf8').on('data', chunk => (body += String(chunk)));
    request.on('end', () => {
      requests.push({ url, headers, body });
      response.writeHead(status, { location: 'http://127.0.0.1:9/', ...headersSent }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The code in the newest of the `count` texts that a number has got by then. */
export async function textedCode({ requests }: SmsProvider, number: string, count: number): Promise<string> {
  const texts = () => requests.map(({ body }) => JSON.parse(body)).filter(({ to }) => to === number);
  await expect.poll(texts).toHaveLength(count);
  return /^\d{6}/.exec(texts().at(-1).body)?.[0] ?? '';
}

/** The `mfa_token` of a login that a texted code may complete. */
export async function demandedOf(world: TestApp, { email, password }: Person): Promise<string> {
  const answer = await world.call('POST', '/token', { form: { username: email, password } });
  expect(answer.json()).toMatchObject({ code: 'mfa_required', factors: expect.arrayContaining(['sms']) });
  return answer.json().mfa_token;
}
