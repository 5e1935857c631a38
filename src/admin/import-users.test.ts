import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { importText } from '../../test/support/import-text.ts';
import { logIn, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';
import { exportUsers } from './export-users.ts';
import { importUsers } from './import-users.ts';
import { readRecords } from './read-records.ts';

// As the original stores it in `hashed_password`.
let hash: string;
let world: TestApp;
beforeEach(async () => {
  world = await testApp();
  hash = await world.deps.hasher.hash('Original-pass-1');
});
afterEach(() => world.close());

const run = (text: string, options?: Parameters<typeof importText>[2]) =>
  importText(world.deps, text, options);

const HEADER =
  'id,username,email,full_name,first_name,last_name,phone_number,hashed_password,disabled,roles,created_at,last_login,email_verified,verification_token\n';
const ID = '7b7c2f5e-9a52-4f0e-8d0a-0d5f0a1b2c3d';

const countUsers = async () =>
  (await world.deps.db.row<{ n: number }>(sql`select count(*) as n from users`))?.n;

describe('users import', () => {
  test("a row of the original's table comes over whole, and its password still works", async () => {
    const csv = `${HEADER}${ID},ada@example.com,Ada@Example.com,"Lovelace, ""Ada""",Ada,Lovelace,+254712345678,${hash},f,"[""user"", ""admin""]",2024-03-01 12:30:00.123456,2024-05-01 08:00:00+02,t,secret\n`;
    expect(await run(csv)).toEqual({ read: 1, made: 1, present: 0, bad: 0, reasons: [] });
    const { access_token: token } = await logIn(world, {
      id: ID,
      email: 'ADA@example.com',
      password: 'Original-pass-1',
    });
    expect((await world.call('GET', '/users/me', { token })).json()).toMatchObject({
      id: ID,
      email: 'Ada@example.com',
      username: 'Ada@example.com',
      full_name: 'Lovelace, "Ada"',
      first_name: 'Ada',
      last_name: 'Lovelace',
      phone_number: '+254712345678',
      disabled: false,
      roles: ['admin', 'user'],
      created_at: '2024-03-01T12:30:00.123Z',
      email_verified: true,
    });
  });

  test('a quote that never closes ends the reading with a bad row, and what came before is there', async () => {
    const csv = `email,first_name\na@example.com,Ada\nb@example.com,Bob\nc@example.com,"Cleo\nd@example.com,Dan\n`;
    expect(await run(csv)).toMatchObject({
      read: 3,
      made: 2,
      bad: 1,
      reasons: [
        '4: the quote that opens in line 4 never closes; nothing from there on was read: close it, or write "" for a quote inside quotes',
      ],
    });
    expect(await countUsers()).toBe(2);
    await expect(run('email,"first_name\na@example.com,Ada\n')).rejects.toThrow(
      'The header cannot be read: the quote that opens in line 1 never closes',
    );
  });

  test('every bad row is named with its line and reason, and the others go on', async () => {
    await person(world, { email: 'taken@example.com' });
    const csv = [
      'E-Mail,UserName,Password Hash,is_active,roles,created',
      `good@example.com,goodie,${hash},true,,`,
      `no address,x,${hash},,,`,
      `plain@example.com,plain,secret-in-clear,,,`,
      `twin@example.com,GOODIE,${hash},,,`,
      `GOOD@example.com,other,${hash},,,`,
      `role@example.com,,${hash},,{captain},`,
      `late@example.com,,${hash},,,yesterday`,
      `few@example.com`,
      `taken@example.com,,${hash},,,`,
      `off@example.com,,${hash},false,user,2024-01-01`,
    ].join('\r\n');
    const report = await run(csv);
    expect(report).toEqual({
      read: 10,
      made: 2,
      present: 1,
      bad: 7,
      reasons: [
        '3: email: This is not a valid email address.',
        expect.stringMatching(/^4: hashed_password: not a hash of bcrypt .* or argon2 .*reset by mail/),
        '5: the address, username or id of line 2 again',
        '6: the address, username or id of line 2 again',
        '7: roles: nobody made captain (--create-roles makes it)',
        '8: created_at: not a time in the years 1 to 9999; write 2024-03-01 or 2024-03-01T12:30:00Z',
        '9: 1 fields where the header has 6',
      ],
    });
    expect(report.reasons.join()).not.toContain('secret-in-clear');
    const off = await world.deps.db.row(sql`
      select disabled_at is not null as disabled from users where email = 'off@example.com'`);
    expect(off).toEqual({ disabled: true });
  });

  test('a username or id that another account has is a bad row, and nothing of it is left', async () => {
    const other = await person(world, { email: 'other@example.com' });
    await world.deps.db.run(sql`
      insert into identifiers (key, user_id, kind) values ('captain', ${other.id}::uuid, 'username')`);
    const lines = [
      { id: ID, email: 'a@example.com', username: 'Captain' },
      { id: other.id, email: 'b@example.com' },
      { id: ID, email: 'other@example.com' },
    ].map(row => `${JSON.stringify(row)}\n`);
    for (const [index, reason] of [
      'username: taken by another account',
      'id: another account has it',
      `email: taken by the account ${other.id}`,
    ].entries()) {
      expect((await run(lines[index] as string)).reasons).toEqual([`1: ${reason}`]);
    }
    expect(await countUsers()).toBe(1);
  });

  test('a former address that is kept for its owner is a bad row, and no account that is here already', async () => {
    const owner = await person(world, { email: 'owner@example.com' });
    const until = new Date(world.deps.clock.now().getTime() + 60_000);
    await world.deps.db.run(sql`
      insert into identifiers (key, user_id, kind, reserved_until)
      values ('former@example.com', ${owner.id}::uuid, 'reserved', ${until}::timestamptz)`);
    const line = JSON.stringify({ email: 'Former@example.com' });
    expect((await run(line)).reasons).toEqual([
      `1: email: the former address of the account ${owner.id}, kept for its owner for 72 hours`,
    ]);
    world.deps.clock.advance(61);
    expect(await run(line)).toMatchObject({ made: 1, reasons: [] });
  });

  test('an import that is stopped says how far it came, and the next one goes on from there', async () => {
    async function* breaking() {
      for (let index = 0; index < 700; index++) yield `{"email":"user${index}@example.com"}\n`;
      throw new Error('the disk is gone');
    }
    const options = { dryRun: false, createRoles: false, onBad: () => {}, onUnknown: () => {} };
    await expect(importUsers(world.deps, readRecords(breaking()), options)).rejects.toThrow(
      /^The import stopped after 700 rows: the disk is gone\n500 taken over, which stay; 0 here already, 0 bad\. Run it again/,
    );
    expect(await countUsers()).toBe(500);
    const lines = Array.from({ length: 700 }, (_, index) => `{"email":"user${index}@example.com"}`);
    expect(await run(lines.join('\n'))).toMatchObject({ made: 200, present: 500 });
  });

  test('two imports of one file at once make each account once, and no row of either is bad', async () => {
    const lines = Array.from({ length: 1500 }, (_, index) =>
      JSON.stringify({
        ...(index % 2 ? { id: `${String(index).padStart(8, '0')}-1111-4111-8111-111111111111` } : {}),
        email: `user${index}@example.com`,
        username: `user${index}`,
      }),
    ).join('\n');
    const reports = await Promise.all([run(lines), run(lines)]);
    for (const report of reports) expect(report).toMatchObject({ read: 1500, bad: 0, reasons: [] });
    expect(reports.reduce((sum, { made }) => sum + made, 0)).toBe(1500);
    expect(reports.reduce((sum, { present }) => sum + present, 0)).toBe(1500);
    expect(await countUsers()).toBe(1500);
  });

  test('a dry run reports the same and writes nothing; a second run finds what is there', async () => {
    const lines = Array.from({ length: 1203 }, (_, index) =>
      JSON.stringify({ email: `user${index}@example.com`, username: `user${index}`, hashed_password: hash }),
    ).join('\n');
    const first = { read: 1203, made: 1203, present: 0, bad: 0, reasons: [] };
    expect(await run(lines, { dryRun: true })).toEqual(first);
    expect(await countUsers()).toBe(0);
    // As after a crash: a part is there already.
    await run(lines.split('\n').slice(0, 700).join('\n'));
    expect(await run(lines)).toEqual({ ...first, made: 503, present: 700 });
    expect(await run(lines)).toEqual({ ...first, made: 0, present: 1203 });
    expect(await countUsers()).toBe(1203);
    const events = await world.deps.db.row(sql`
      select count(*) as n from audit_events where type = 'user.imported'`);
    expect(events).toEqual({ n: 1203 });
  });

  test('the trail has each account and the whole, and nothing of a dry run', async () => {
    const csv = `${HEADER}${ID},ada@example.com,ada@example.com,Ada,Ada,,,${hash},f,user,,,t,\n`;
    const written = () =>
      world.deps.db.rows(sql`
        select type, actor_kind, user_id, data from audit_events where type in ('user.imported', 'users.imported') order by id`);
    await run(csv, { dryRun: true });
    expect(await written()).toEqual([]);
    await run(csv);
    expect(await written()).toMatchObject([
      { type: 'user.imported', actor_kind: 'operator', user_id: ID },
      { type: 'users.imported', actor_kind: 'operator', data: { read: 1, made: 1, present: 0, bad: 0 } },
    ]);
  });

  test('what is exported comes back the same elsewhere', async () => {
    await run(
      [
        {
          id: ID,
          email: 'ada@example.com',
          username: 'ada',
          full_name: 'Ada L.',
          first_name: 'Ada',
          last_name: 'Lovelace',
          hashed_password: hash,
          roles: ['admin', 'user'],
          disabled: true,
          email_verified: true,
          created_at: '2024-03-01T12:30:00.123Z',
        },
        { email: 'bob@example.com' },
        { email: 'one@example.com', first_name: 'Ada', last_name: '', full_name: 'Ada of Ockham' },
        { id: '00000000-0000-0000-0000-000000000000', email: 'nobody-special@example.com', roles: [] },
      ]
        .map(row => JSON.stringify(row))
        .join('\n'),
    );
    const read = async () => (await Array.fromAsync(exportUsers(world.deps))).join('');
    const exported = await read();
    await world.close();
    world = await testApp();
    expect(await run(exported)).toMatchObject({ read: 4, made: 4, bad: 0 });
    expect(await read()).toBe(exported);
  });

  test("a row whose id is nobody's (RFC 9562 §5.9) becomes somebody, whose closing takes nothing else out of the trail", async () => {
    const id = '00000000-0000-0000-0000-000000000000';
    await run(JSON.stringify({ id, email: 'eve@example.com', hashed_password: hash }));
    const ada = await person(world, { roles: ['admin'] });
    const { access_token: token } = await logIn(world, ada);
    const eve = { id, email: 'eve@example.com', password: 'Original-pass-1' };
    const { access_token: own } = await logIn(world, eve);
    expect((await world.call('DELETE', '/users/me', { token: own })).statusCode).toBe(204);
    const path = `/audit-events?type=login.succeeded&user_id=${ada.id}`;
    const { items } = (await world.call('GET', path, { token })).json();
    expect(items).toMatchObject([{ ip: expect.any(String) }]);
  });

  test('the trail says which roles an import gave', async () => {
    await run(JSON.stringify({ id: ID, email: 'ada@example.com', roles: ['user', 'admin'] }));
    const event = await world.deps.db.row<{ data: unknown }>(sql`
      select data from audit_events where type = 'user.imported' and user_id = ${ID}::uuid`);
    expect(event?.data).toMatchObject({ roles: ['admin', 'user'] });
  });

  test('an account that was removed here does not come back with the next run of the import', async () => {
    const file = JSON.stringify({ id: ID, email: 'ada@example.com', hashed_password: hash });
    await run(file);
    const ada = { id: ID, email: 'ada@example.com', password: 'Original-pass-1' };
    const { access_token: token } = await logIn(world, ada);
    expect((await world.call('DELETE', '/users/me', { token })).statusCode).toBe(204);
    expect(await run(file)).toEqual({
      read: 1,
      made: 0,
      present: 0,
      bad: 1,
      reasons: ['1: id: its account was removed here; without the id, the row makes a new one'],
    });
    expect(await countUsers()).toBe(0);
  });
});
