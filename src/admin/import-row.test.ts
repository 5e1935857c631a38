import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { importText } from '../../test/support/import-text.ts';
import { logIn } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';

let hash: string;
let world: TestApp;
beforeEach(async () => {
  world = await testApp();
  hash = await world.deps.hasher.hash('Original-pass-1');
});
afterEach(() => world.close());

const run = (text: string, options?: Parameters<typeof importText>[2]) =>
  importText(world.deps, text, options);

describe('a row of an import', () => {
  test('a word for disabled, enabled or verified that is not understood is a bad row, and no account', async () => {
    const row = (line: number, more: object) =>
      `${JSON.stringify({ email: `user${line}@example.com`, hashed_password: hash, ...more })}\n`;
    const strange = [
      { disabled: 'inactive' },
      { disabled: 2 },
      { Blocked: 'maybe' },
      { 'Is Active': {} },
      { is_active: true, disabled: 'perhaps' },
      { email_verified: 'verified' },
      { emailVerified: {} },
    ];
    const named = [
      'disabled',
      'disabled',
      'Blocked',
      'Is Active',
      'disabled',
      'email_verified',
      'emailVerified',
    ];
    const reasons = named.map(
      (name, index) =>
        `${index + 1}: ${name}: write true or false (also t/f, yes/no, y/n, on/off, 1/0), or leave it empty`,
    );
    expect(await run(strange.map((more, index) => row(index, more)).join(''))).toEqual({
      read: 7,
      made: 0,
      present: 0,
      bad: 7,
      reasons,
    });
    const understood = [
      [{ disabled: 'No' }, false, false],
      [{ disabled: 'ON', email_verified: 'Yes' }, true, true],
      [{ enabled: 'f', verified: 0 }, true, false],
      [{ active: 1, disabled: ' ', email_verified: ' ' }, false, false],
      [{ active: true, blocked: 'y', is_verified: 't' }, true, true],
      [{ disabled: false, blocked: 't', email_verified: true, verified: 'no' }, true, true],
      [{ disabled: null, email_verified: null }, false, false],
    ] as const;
    const report = await run(understood.map(([more], index) => row(index, more)).join(''));
    expect(report).toMatchObject({ made: 7, reasons: [] });
    expect(
      await world.deps.db.rows(sql`
        select disabled_at is not null as disabled, email_verified_at is not null as verified
        from users order by email`),
    ).toEqual(understood.map(([, disabled, verified]) => ({ disabled, verified })));
  });

  test('a time is read as PostgreSQL and JSON write it; a day that no calendar has, or that no list could go on from, is a bad row', async () => {
    const strange = [
      '2024-02-30',
      '2023-02-29',
      '03.01.2024',
      'infinity',
      1709294400,
      true,
      {},
      [],
      '2024-03-01T25:00',
      '0000-01-01',
      '0000-12-31T23:59:59Z',
      '0001-01-01 00:00:00+05:30',
      '9999-12-31T23:59:59-01:00',
    ];
    const row = (time: unknown, index: number) =>
      JSON.stringify({ email: `u${index}@example.com`, [index % 2 ? 'last_login' : 'created_at']: time });
    expect(await run(strange.map(row).join('\n'))).toMatchObject({
      made: 0,
      reasons: strange.map(
        (_time, index) =>
          `${index + 1}: ${index % 2 ? 'last_login' : 'created_at'}: not a time in the years 1 to 9999; write 2024-03-01 or 2024-03-01T12:30:00Z`,
      ),
    });
    const understood = {
      '2024-02-29': '2024-02-29T00:00:00.000Z',
      '2024-03-01 12:30:00.123456+05:30': '2024-03-01T07:00:00.123Z',
      '2024-03-01T12:30:00Z': '2024-03-01T12:30:00.000Z',
      '2024-03-01 12:30+02': '2024-03-01T10:30:00.000Z',
      '0001-01-01 00:00:00 UTC': '0001-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59Z': '9999-12-31T23:59:59.000Z',
    };
    const lines = Object.keys(understood).map((created_at, index) =>
      JSON.stringify({ email: `t${index}@example.com`, created_at }),
    );
    expect(await run(lines.join('\n'))).toMatchObject({ reasons: [] });
    const rows = await world.deps.db.rows<{ created_at: Date }>(
      sql`select created_at from users order by email`,
    );
    expect(rows.map(({ created_at }) => created_at.toISOString())).toEqual(Object.values(understood));
  });

  test('a last name comes from the full name, unless there is a first name and the last one is said to be empty', async () => {
    const csv = [
      'email,first_name,last_name,full_name',
      'a@example.com,,,Ada of Ockham',
      'b@example.com,"","",Ada of Ockham',
      'c@example.com,Ada,,Ada of Ockham',
      'd@example.com,Ada,"",Ada of Ockham',
      'e@example.com,Ada,King,',
    ].join('\n');
    expect(await run(csv)).toMatchObject({ made: 5 });
    expect(
      await world.deps.db.rows(sql`select first_name, last_name, full_name from users order by email`),
    ).toEqual([
      { first_name: 'Ada', last_name: 'of Ockham', full_name: 'Ada of Ockham' },
      { first_name: 'Ada', last_name: 'of Ockham', full_name: 'Ada of Ockham' },
      { first_name: 'Ada', last_name: 'of Ockham', full_name: 'Ada of Ockham' },
      { first_name: 'Ada', last_name: '', full_name: 'Ada of Ockham' },
      { first_name: 'Ada', last_name: 'King', full_name: 'Ada King' },
    ]);
  });

  test('a name with a line break or with what nobody can read comes over on one line without it', async () => {
    const csv = [
      'email,first_name,last_name,full_name',
      'a@example.com,Ada,Lovelace,"Countess\r\nof\tLovelace"',
      'b@example.com,Bob,\u202eRotciv,Bob\u0000 Rotciv',
      'c@example.com,\u200b,"\n",\u2066\u2069',
      'd@example.com,"Dan ",," "',
    ].join('\n');
    expect(await run(csv)).toMatchObject({ made: 4, reasons: [] });
    expect(
      await world.deps.db.rows(sql`select first_name, last_name, full_name from users order by email`),
    ).toEqual([
      { first_name: 'Ada', last_name: 'Lovelace', full_name: 'Countess of Lovelace' },
      { first_name: 'Bob', last_name: 'Rotciv', full_name: 'Bob Rotciv' },
      { first_name: 'c', last_name: '', full_name: 'c' },
      { first_name: 'Dan', last_name: '', full_name: 'Dan' },
    ]);
  });

  test('a username of one or two letters, as the original made of short addresses, comes over and can be sent back', async () => {
    const csv = `email,username,hashed_password\ned@example.com,ed,${hash}\njo@example.com," ",${hash}\n`;
    expect(await run(csv)).toMatchObject({ made: 2, reasons: [] });
    const { access_token: token } = await logIn(world, {
      id: '',
      email: 'ED',
      password: 'Original-pass-1',
    });
    const change = (json: object) => world.call('PUT', '/users/me', { token, body: json });
    expect((await change({ first_name: 'Ed', username: 'ed' })).json()).toMatchObject({ username: 'ed' });
    expect((await change({ username: 'eb' })).statusCode).toBe(422);
    expect((await run('email,username\nother@example.com,Ed\n')).reasons).toEqual([
      '2: username: taken by another account',
    ]);
  });

  test('a name that is too long is cut, and a line that is too long is a bad row alone', async () => {
    // So mixed that no compression makes it fit into an index.
    const long = Array.from({ length: 30_000 }, (_, index) =>
      String.fromCharCode(0x4e00 + ((index * index * 7919) % 20_000)),
    ).join('');
    const rows = [
      { email: 'a@example.com', full_name: long },
      { email: 'b@example.com', full_name: `${'x'.repeat(200)} ${long}`, first_name: long, last_name: long },
      { email: 'c@example.com', note: 'x'.repeat(1_000_000) },
      { email: 'd@example.com' },
      { email: 'e@example.com', note: 'x'.repeat(2_000_000) },
    ];
    const text = rows.map(row => JSON.stringify(row)).join('\n');
    for (const size of [997, 10_000_000])
      expect(await run(text, { dryRun: true, size })).toMatchObject({
        made: 3,
        reasons: ['3: longer than 1000000 characters', '5: longer than 1000000 characters'],
      });
    await run(text);
    const [first, second] = await world.deps.db.rows<{ full_name: string; first_name: string }>(
      sql`select full_name, first_name from users order by email`,
    );
    expect([first?.full_name, first?.first_name]).toEqual([long.slice(0, 201), long.slice(0, 100)]);
    expect([second?.full_name, second?.first_name]).toEqual(['x'.repeat(200), long.slice(0, 100)]);
  });

  test('a hash that would take the process down at the next login is a bad row', async () => {
    const rest = 'c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    const hashes = [
      `$argon2id$v=19$m=1073741824,t=2,p=1$${rest}`,
      `$2b$31$${'C'.repeat(53)}`,
      '$bcrypt-sha256$nonsense',
      `$argon2id$v=19$m=65536,t=3,p=4$${rest}`,
      `$2y$12$${'C'.repeat(53)}`,
    ];
    const lines = hashes.map((hashed_password, index) =>
      JSON.stringify({ email: `u${index}@example.com`, hashed_password }),
    );
    const { made, reasons } = await run(lines.join('\n'));
    expect([made, reasons.map(reason => reason.slice(0, 18))]).toEqual([
      2,
      ['1: hashed_password', '2: hashed_password', '3: hashed_password'].map(text => text.slice(0, 18)),
    ]);
  });

  test('roles are made where that is asked for, without permissions', async () => {
    const lines = `${JSON.stringify({ email: 'a@example.com', roles: ['user', 'captain', 'No Good'] })}\n${JSON.stringify({ email: 'b@example.com', roles: '["captain"]' })}`;
    const tried = await run(lines, { createRoles: true, dryRun: true });
    const made = await world.deps.db.rows(sql`select from roles where name = 'captain'`);
    expect(made).toEqual([]);
    const report = await run(lines, { createRoles: true });
    expect(report).toEqual(tried);
    const advice =
      'can be no role: a-z, 0-9, _ and -, a letter first; write several with commas between them';
    expect(report.reasons).toEqual([`1: roles: "No Good" ${advice}`]);
    const long = JSON.stringify({ email: 'd@example.com', roles: 'X'.repeat(100_000) });
    expect((await run(long)).reasons).toEqual([`1: roles: "${'X'.repeat(63)}" ${advice}`]);
    const piped = JSON.stringify({ email: 'c@example.com', roles: 'user|editor,pilot' });
    expect((await run(piped)).reasons).toEqual([
      `1: roles: nobody made pilot (--create-roles makes it); "user|editor" ${advice}`,
    ]);
    expect(
      await world.deps.db.rows(sql`
        select ur.role_name, u.email from user_roles ur join users u on u.id = ur.user_id order by 1`),
    ).toEqual([{ role_name: 'captain', email: 'b@example.com' }]);
  });

  test('roles are read in every notation of a list, and what is none is a bad row and no account', async () => {
    await run(JSON.stringify({ email: 'maker@example.com', roles: ['captain', 'true'] }), {
      createRoles: true,
    });
    const column = (values: string[]) =>
      `email,roles\n${values.map((value, index) => `u${index}@example.com,"${value.replaceAll('"', '""')}"`).join('\n')}`;
    const grants = () =>
      world.deps.db.rows(sql`
        select array(select role_name from user_roles where user_id = u.id order by 1) as roles
        from users u where email like 'u%' order by length(email), email`);
    const strange = [
      '{"admin": true}',
      '["admin"',
      '[admin]',
      '[1]',
      '["admin,user"]',
      'true',
      'None',
      '{admin',
    ];
    const reasons = (from: number, count: number) =>
      Array.from(
        { length: count },
        (_, index) =>
          `${index + from}: roles: write the names with commas between them, or a list such as ["admin","user"]`,
      );
    expect((await run(column(strange), { createRoles: true })).reasons).toEqual(reasons(2, strange.length));
    const objects = [true, false, 0, 7, { admin: true }, ['admin', 7], ['admin', null], [['admin']]];
    const lines = objects.map((roles, index) => JSON.stringify({ email: `u${index}@example.com`, roles }));
    expect((await run(lines.join('\n'), { createRoles: true })).reasons).toEqual(reasons(1, objects.length));
    expect(await grants()).toEqual([]);

    const understood = [
      "['admin', 'user']",
      '["captain"]',
      '{admin,"user"}',
      ' captain , user',
      '"admin"',
      '',
      '[]',
    ];
    expect(await run(column(understood))).toMatchObject({ made: understood.length, reasons: [] });
    expect(await grants()).toEqual(
      [['admin', 'user'], ['captain'], ['admin', 'user'], ['captain', 'user'], ['admin'], ['user'], []].map(
        roles => ({ roles }),
      ),
    );
  });
});
