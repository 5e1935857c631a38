import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { inPieces } from '../../test/support/in-pieces.ts';
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

async function run(text: string, options: { dryRun?: boolean; createRoles?: boolean; size?: number } = {}) {
  const bad: string[] = [];
  const report = await importUsers(world.deps, readRecords(inPieces(text, options.size)), {
    dryRun: options.dryRun ?? false,
    createRoles: options.createRoles ?? false,
    onBad: (line, reason) => bad.push(`${line}: ${reason}`),
  });
  return { ...report, reasons: bad };
}

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
        '8: created_at: not a time; write 2024-03-01 or 2024-03-01T12:30:00Z',
        '9: 1 fields where the header has 6',
      ],
    });
    expect(report.reasons.join()).not.toContain('secret-in-clear');
    const off = await world.deps.db.row(sql`
      select disabled_at is not null as disabled from users where email = 'off@example.com'`);
    expect(off).toEqual({ disabled: true });
  });

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
    const options = { dryRun: false, createRoles: false, onBad: () => {} };
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

  test('a time is read as PostgreSQL and JSON write it; a day that no calendar has is a bad row', async () => {
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
    ];
    const row = (time: unknown, index: number) =>
      JSON.stringify({ email: `u${index}@example.com`, [index % 2 ? 'last_login' : 'created_at']: time });
    expect(await run(strange.map(row).join('\n'))).toMatchObject({ made: 0, bad: strange.length });
    const understood = {
      '2024-02-29': '2024-02-29T00:00:00.000Z',
      '2024-03-01 12:30:00.123456+05:30': '2024-03-01T07:00:00.123Z',
      '2024-03-01T12:30:00Z': '2024-03-01T12:30:00.000Z',
      '2024-03-01 12:30+02': '2024-03-01T10:30:00.000Z',
      '0001-01-01 00:00:00 UTC': '0001-01-01T00:00:00.000Z',
      '0000-01-01': '0000-01-01T00:00:00.000Z',
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
    const report = await run(lines, { createRoles: true });
    const advice =
      'can be no role: a-z, 0-9, _ and -, a letter first; write several with commas between them';
    expect(report.reasons).toEqual([`1: roles: "No Good" ${advice}`]);
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
        { id: '00000000-0000-0000-0000-000000000000', email: 'nobody-special@example.com', roles: [] },
      ]
        .map(row => JSON.stringify(row))
        .join('\n'),
    );
    const read = async () => (await Array.fromAsync(exportUsers(world.deps))).join('');
    const exported = await read();
    await world.close();
    world = await testApp();
    expect(await run(exported)).toMatchObject({ read: 3, made: 3, bad: 0 });
    expect(await read()).toBe(exported);
  });
});
