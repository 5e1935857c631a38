import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/platform/database.ts';
import { isUnavailable } from '../../src/platform/database-errors.ts';
import { connect } from '../../src/platform/migrations/connect.ts';
import { sql } from '../../src/platform/sql.ts';
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

it('a database without a connection left is not taken for one that is missing: it says what to change', async () => {
  const admin = await connect({ connectionString: withDatabase('postgres') }, () => {});
  const role = `entrecore_${randomBytes(6).toString('hex')}`;
  await admin.query(`create role ${role} login password 'none left' connection limit 0`);
  const url = new URL(withDatabase('postgres'));
  Object.assign(url, { username: role, password: 'none left' });
  const pool = openDatabase({ connection: { connectionString: url.href }, poolMax: 1, prepare: true });
  const advice = new RegExp(`too many connections for role "${role}"\\. Allow more .* lower DB_POOL_MAX`);
  try {
    const connected = connect({ connectionString: url.href }, () => {}, { waitSeconds: 0 });
    await expect(connected).rejects.toThrow(/has no connection left after 0 s/);
    await expect(connected).rejects.toThrow(advice);
    const refused = {
      code: 'database_unavailable',
      cause: { message: expect.stringMatching(advice) as string },
    };
    await expect(pool.row(sql`select 1`)).rejects.toMatchObject(refused);
    await expect(pool.transaction(tx => tx.row(sql`select 1`))).rejects.toMatchObject(refused);
  } finally {
    await pool.close();
    await admin.query(`drop role ${role}`);
    await admin.end();
  }
});
