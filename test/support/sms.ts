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

/** The texts that a number has got, each once: where a test moves the clock while one is sent, it may be sent again. */
export function textsTo({ requests }: SmsProvider, number: string): string[] {
  const byKey = new Map(requests.map(({ headers, body }) => [headers['idempotency-key'], JSON.parse(body)]));
  return [...byKey.values()].flatMap(({ to, body }) => (to === number ? [body] : []));
}

/** The code in the newest of the `count` texts that a number has got by then. */
export async function textedCode(provider: SmsProvider, number: string, count: number): Promise<string> {
  const texts = () => textsTo(provider, number);
  await expect.poll(texts).toHaveLength(count);
  return /^\d{6}/.exec(String(texts().at(-1)))?.[0] ?? '';
}

/** The `mfa_token` of a login that a texted code may complete. */
export async function demandedOf(world: TestApp, { email, password }: Person): Promise<string> {
  const answer = await world.call('POST', '/token', { form: { username: email, password } });
  expect(answer.json()).toMatchObject({ code: 'mfa_required', factors: expect.arrayContaining(['sms']) });
  return answer.json().mfa_token;
}
