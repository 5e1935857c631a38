import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isUnavailable } from '../../src/platform/database-errors.ts';
import { connect } from '../../src/platform/migrations/connect.ts';
import { withDatabase } from './support.ts';

const AWAY = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN'];

/** A socket that fails as where a cable, a route or a machine is missing. */
class DeadSocket extends Socket {
  readonly #code: string;
  constructor(code: string) {
    super();
    this.#code = code;
  }
  override connect(): this {
    return this.destroy(Object.assign(new Error(`connect ${this.#code}`), { code: this.#code }));
  }
}

describe('a database that is away', () => {
  it.each(AWAY)('is waited for when the network says %s, and found once it is back', async code => {
    const sockets = [new DeadSocket(code), new Socket()];
    const stream = () => sockets.shift() as Socket;
    const said: string[] = [];
    const client = await connect({ connectionString: withDatabase('postgres'), stream }, line =>
      said.push(line),
    );
    await client.end();
    expect(said).toEqual([
      expect.stringMatching(new RegExp(`^waiting for the database at .*: connect ${code}$`)),
    ]);
  });

  it.each([...AWAY, 'ETIMEDOUT', 'EPIPE'])('is what a statement is told of as well: %s', code => {
    expect(isUnavailable(Object.assign(new Error(code), { code }))).toBe(true);
  });
});
