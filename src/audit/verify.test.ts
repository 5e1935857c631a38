import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SealedTrail, sealedTrail } from '../../test/support/sealed-trail.ts';
import { sql } from '../platform/sql.ts';
import { findNextBatch } from './batch-queries.ts';
import { hashBatch, readEntries } from './canonical.ts';
import { exportEvents } from './export.ts';
import { verifyTrail } from './verify.ts';

let { deps, userId, ids, foundAfter } = {} as SealedTrail;
beforeAll(async () => {
  ({ deps, userId, ids, foundAfter } = await sealedTrail());
});
afterAll(() => deps.close());

test('an untouched trail verifies, and says how much it has seen', async () => {
  expect(await verifyTrail(deps)).toEqual({
    findings: [],
    batches: 3,
    events: 9,
    pending: 0,
    publicKey: expect.stringMatching(/^[\w-]{43}$/),
    prunedBefore: null,
  });
});

describe('a changed event is found, whatever the column', () => {
  test.each([
    "created_at = created_at + interval '1 microsecond'",
    "created_at = created_at + interval '40 years'",
    "created_at = '290000-01-01Z'",
    "created_at = 'infinity'",
    "created_at = '-infinity'",
    'epoch = 2',
    'epoch = 0',
    "transaction_id = '3'",
    "transaction_id = '99999999999'",
    "type = 'login.failed'",
    "outcome = 'failure'",
    'reason = null',
    "reason = ''",
    "actor_kind = 'system'",
    'actor_id = null',
    "actor_id = '019300f4-6f00-7000-8000-000000000001'",
    'user_id = null',
    'session_id = null',
    "request_id = 'other'",
    `data = '{"index": 5}'`,
    'personal_sealed = null',
    'personal_sealed = set_byte(personal_sealed, 40, 255 - get_byte(personal_sealed, 40))',
    'personal_sealed = (select o.personal_sealed from audit_events o order by o.created_at limit 1)',
  ])('%s', async change => {
    expect(await foundAfter(`update audit_events e set ${change} where id = '${ids[4]}'`)).toContainEqual({
      kind: 'event_changed',
      batch: 2,
      eventId: ids[4],
    });
  });
});

test('an event under another id is a removed one and an inserted one', async () => {
  const other = deps.random.uuid();
  expect(await foundAfter(`update audit_events set id = '${other}' where id = '${ids[4]}'`)).toEqual([
    { kind: 'event_removed', batch: 2, eventId: ids[4] },
    { kind: 'event_inserted', batch: 2, eventId: other },
  ]);
});

test('a removed event is found where it was, and a table that was emptied', async () => {
  expect(await foundAfter(`delete from audit_events where id = '${ids[7]}'`)).toEqual([
    { kind: 'event_removed', batch: 3, eventId: ids[7] },
  ]);
  const emptied = await foundAfter('truncate audit_events');
  expect(emptied.map(({ kind, eventId }) => [kind, eventId])).toEqual(ids.map(id => ['event_removed', id]));
});

test('an inserted event is found where it stands, also in an epoch that never was', async () => {
  const id = deps.random.uuid();
  const copy = (epoch: string) => `insert into audit_events
    select '${id}', created_at, ${epoch}, transaction_id, type, outcome, reason, actor_kind, actor_id, user_id,
      session_id, request_id, data, personal_sealed from audit_events where id = '${ids[1]}'`;
  expect(await foundAfter(copy('epoch'))).toEqual([{ kind: 'event_inserted', batch: 1, eventId: id }]);
  expect(await foundAfter(copy('7'))).toEqual([{ kind: 'event_inserted', eventId: id }]);
});

test.each(['1 microsecond', '-1 microsecond', '40 years', '-40 years'])(
  'an inserted event that bears the id of another, %s beside it, is found where it stands',
  async beside => {
    const [genuine, other] = [`select * from audit_events where id = '${ids[1]}'`, ids[4]];
    const twin = (place: string) => `insert into audit_events
      select o.id, o.created_at + interval '${beside}', o.epoch, ${place}, 'login.failed', o.outcome, o.reason,
        o.actor_kind, o.actor_id, o.user_id, o.session_id, o.request_id, o.data, o.personal_sealed
      from genuine o`;
    const inserted = { kind: 'event_inserted', eventId: ids[1] };
    // Whichever of the two is read first.
    const after = `create temp table genuine on commit drop as ${genuine}; ${twin('o.transaction_id')}`;
    const before = `create temp table genuine on commit drop as ${genuine}; delete from audit_events where id = '${ids[1]}';
      ${twin('o.transaction_id')}; insert into audit_events select * from genuine`;
    for (const order of [before, after]) expect(await foundAfter(order)).toEqual([{ ...inserted, batch: 1 }]);
    const elsewhere = twin(`(select transaction_id from audit_events where id = '${other}')`);
    expect(await foundAfter(`create temp table genuine on commit drop as ${genuine}; ${elsewhere}`)).toEqual([
      { ...inserted, batch: 2 },
    ]);
  },
);

test('two events that change places are found', async () => {
  const place = async (id: string | undefined) =>
    (await deps.db.row<{ at: string; tx: string }>(
      sql`select created_at::text as at, transaction_id::text as tx from audit_events where id = ${id}::uuid`,
    )) as { at: string; tx: string };
  const [a, b] = [await place(ids[0]), await place(ids[8])];
  const put = ({ at, tx }: { at: string; tx: string }, id: string | undefined) =>
    `update audit_events set created_at = '${at}', transaction_id = '${tx}' where id = '${id}'`;
  const findings = await foundAfter(`${put(b, ids[0])}; ${put(a, ids[8])}`);
  expect(findings).toContainEqual({ kind: 'event_changed', batch: 1, eventId: ids[0] });
  expect(findings).toContainEqual({ kind: 'event_changed', batch: 3, eventId: ids[8] });
});

describe('a changed batch is found, whatever the column', () => {
  test.each([
    'epoch = 2',
    'epoch = 2147483647',
    "kind = 'epoch_end'",
    "kind = 'epoch_end', epoch = 2147483647",
    "from_transaction = '4'",
    "to_transaction = '99999999'",
    'event_count = 2',
    "newest_event_at = newest_event_at + interval '1 day'",
    "newest_event_at = 'infinity'",
    'entries = substr(entries, 57)',
    'entries = substr(entries, 2)',
    'entries = substr(entries, 57, 56) || substr(entries, 1, 56) || substr(entries, 113)',
    'previous_hash = hash',
    'hash = previous_hash',
    'signature = set_byte(signature, 3, 255 - get_byte(signature, 3))',
    "created_at = created_at + interval '1 second'",
    "created_at = '290000-01-01Z'",
    "created_at = 'infinity'",
  ])('%s', async change => {
    for (const batch of [2, 3]) {
      const findings = await foundAfter(`update audit_batches set ${change} where number = ${batch}`);
      expect(findings).toContainEqual({ kind: 'batch_changed', batch });
    }
  });
});

test.each(['9007199254740993', '9223372036854775807'])('a batch %s is found, too', async number => {
  expect(await foundAfter(`update audit_batches set number = ${number} where number = 3`)).toEqual([
    { kind: 'batch_removed', batch: 3 },
    { kind: 'batch_changed', batch: Number.MAX_SAFE_INTEGER },
  ]);
});

test('a removed batch is found, and one that was renumbered to hide it', async () => {
  const remove = 'delete from audit_batches where number = 2';
  expect(await foundAfter(remove)).toEqual([{ kind: 'batch_removed', batch: 2 }]);
  expect(await foundAfter(`${remove}; update audit_batches set number = 2 where number = 3`)).toContainEqual({
    kind: 'batch_changed',
    batch: 2,
  });
});

test.each(['-1', '0'])('a batch %s is found, and vouches for no event that it names', async number => {
  const id = deps.random.uuid();
  const insert = `insert into audit_events (id, created_at, epoch, transaction_id, type, outcome, actor_kind, user_id)
    select '${id}', created_at, epoch, transaction_id, 'login.failed', outcome, actor_kind, user_id
    from audit_events where id = '${ids[1]}'`;
  const vouch = `insert into audit_batches
    select ${number}, 1, 'epoch_end', '0', '99999999', 1, b.newest_event_at,
      uuid_send('${id}') || substr(b.entries, 73, 8) || sha256(''), '', '', '', b.created_at
    from audit_batches b where b.number = 1`;
  expect(await foundAfter(`${insert}; ${vouch}`)).toEqual([
    { kind: 'batch_changed', batch: Number(number) },
    { kind: 'event_inserted', batch: 1, eventId: id },
  ]);
});

test('a chain computed anew without the key is found: hashes alone would not tell', async () => {
  const last = await findNextBatch(deps.db, 2);
  if (last === null) throw new Error('no batch');
  const entries = last.entries.subarray(0, 112);
  const hash = hashBatch({ ...last, entries }).toString('hex');
  const findings = await foundAfter(`delete from audit_events where id = '${ids[8]}';
    update audit_batches set entries = '\\x${entries.toString('hex')}', event_count = 2, hash = '\\x${hash}',
      newest_event_at = newest_event_at - interval '1 second' where number = 3`);
  expect(findings).toEqual([{ kind: 'batch_changed', batch: 3 }]);
});

describe('the key of the personal fields', () => {
  const erase = 'update audit_keys set secret = null, key_sealed = null, erased_at = created_at';
  const removal = (
    id: string,
  ) => `insert into audit_events (id, created_at, type, outcome, actor_kind, user_id)
    values (gen_random_uuid(), now(), 'user.deleted', 'success', 'operator', '${id}')`;

  test('may be gone where the account was removed', async () => {
    expect(await foundAfter(`${erase}; ${removal(userId)}`)).toEqual([]);
  });

  test.each([
    ['erased', erase],
    ['removed', 'delete from audit_keys'],
    ['replaced', 'update audit_keys set secret = set_byte(secret, 20, 255 - get_byte(secret, 20))'],
    [
      'replaced by another’s',
      `
      insert into audit_keys (user_id, secret, created_at)
        select gen_random_uuid(), secret, created_at from audit_keys where secret is not null;
      delete from audit_keys where user_id = (select user_id from audit_events limit 1)`,
    ],
    [
      'closed by a change of the trail’s',
      'update audit_keys set key_sealed = null where key_sealed is not null',
    ],
  ])('may not be %s otherwise', async (_how, change) => {
    expect(await foundAfter(change)).toContainEqual({ kind: 'key_lost', userId });
  });

  test('nor if somebody else was removed, or it was only asked for', async () => {
    const lost = [{ kind: 'key_lost', userId }];
    expect(await foundAfter(`${erase}; ${removal(deps.random.uuid())}`)).toEqual(lost);
    const refused = removal(userId).replace("'success'", "'refusal'");
    expect(await foundAfter(`${erase}; ${refused}`)).toEqual(lost);
  });
});

test('the hash of an event can be computed from its sealed export with other tools', async () => {
  const batch = await findNextBatch(deps.db, 1);
  const lines: string[] = [];
  for await (const line of exportEvents(deps, {}, { sealed: true })) lines.push(line);
  const event = JSON.parse(lines[4] as string);
  const members = ['id', 'created_us', 'epoch', 'transaction_id', 'type', 'outcome', 'reason', 'actor_kind']
    .concat(['actor_id', 'user_id', 'session_id', 'request_id', 'data', 'personal_sealed'])
    .map(name => event[name]);
  const text = `[${['event-1', ...members].map(member => JSON.stringify(member)).join(', ')}]`;
  const hash = createHash('sha256').update(text).digest('hex');
  expect(readEntries(batch?.entries as Buffer)[1]?.hash.toString('hex')).toBe(hash);
});
