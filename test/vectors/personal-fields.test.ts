import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFields } from '../../src/audit/personal-fields.ts';
import { recordEvent } from '../../src/audit/record.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestDeps, testDeps } from '../support/deps.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';
const EVENT = '019300f4-6f00-7000-8000-000000000001';
const PERSON = '019300f4-6f00-7000-8000-000000000002';
const from = (first: number, bytes: number) =>
  Buffer.from(Array.from({ length: bytes }, (_, n) => first + n));
const [TRAIL_KEY, SEED, SECRET, FORMER_KEY] = [from(0, 32), from(0xa0, 16), from(0x40, 32), from(0x80, 32)];
const FIELDS = '{"ip":"192.0.2.1","user_agent":"Firefox"}';

// By Python's hashlib and cryptography: the seed xor SHA-256(secret, id of the event), then tag and ciphertext of
// AES-256-GCM under SHA-256(key of the trail, seed), with a nonce of zeros and the id's text as additional data.
const SEALED =
  '489b30c3c0758ccecd66ad82720b0793b8ce34e6b5e22287bed04e3712f24d17' +
  'dbbc437bd22e98f92bfe4091a560a5f67df44e8a7efe30bd907ab348c4de2641376a81201fb10cb155';
// As it was before keys were in shares: a nonce, then tag and ciphertext under the key of the person.
const FORMER =
  'c0c1c2c3c4c5c6c7c8c9cacb8c98aaa4f85e9b37dec5b656887cb29d1f1ee9f29e97c1f23b1d197f6c931e010bed28349165800a4889c9d35bf557a14899b180765e15e3ae';

let deps: TestDeps;
beforeEach(async () => {
  deps = await testDeps();
});
afterEach(() => deps.close());

test.each([null, PERSON])('an event about %s is sealed as the stored ones are', async userId => {
  await deps.db.run(sql`
    insert into audit_keys (user_id, key_sealed, secret, created_at) values
      (${NOBODY}::uuid, ${deps.secrets.seal(`audit_keys:${NOBODY}`, TRAIL_KEY)}::bytea, ${SECRET}::bytea, now()),
      (${PERSON}::uuid, null, ${SECRET}::bytea, now())`);
  const random = { ...deps.random, uuid: () => EVENT, bytes: () => SEED };
  await recordEvent({ ...deps, random }, deps.db, {
    type: 'login.failed',
    outcome: 'failure',
    actor: { kind: 'anonymous' },
    userId,
    caller: { requestId: 'request', ip: '192.0.2.1', userAgent: 'Firefox' },
  });
  const stored = await deps.db.row<{ sealed: Buffer }>(
    sql`select personal_sealed as sealed from audit_events`,
  );
  expect(stored?.sealed.toString('hex')).toBe(SEALED);
});

test('what is stored opens under what it was sealed under, and under nothing else', () => {
  const key = { user_id: PERSON, secret: SECRET, key_sealed: null };
  const event = { eventId: EVENT, sealed: Buffer.from(SEALED, 'hex') };
  const open = (changed: { trailKey?: Buffer; secret?: Buffer; eventId?: string }) => {
    const { trailKey = TRAIL_KEY, secret = SECRET, eventId = EVENT } = changed;
    return openFields(deps, { trailKey, key: { ...key, secret } }, { ...event, eventId })?.toString() ?? null;
  };
  expect(open({})).toBe(FIELDS);
  for (const other of [{ trailKey: FORMER_KEY }, { secret: FORMER_KEY }, { eventId: PERSON }])
    expect(open(other)).toBeNull();
  for (let at = 0; at < event.sealed.length; at++) {
    const sealed = Buffer.from(event.sealed);
    sealed[at] = (sealed[at] ?? 0) ^ 1;
    const changed = openFields(deps, { trailKey: TRAIL_KEY, key }, { ...event, sealed });
    expect(changed, `byte ${at}`).toBeNull();
  }
});

test('what was stored before keys were in shares opens under the key of the person', () => {
  const keySealed = deps.secrets.seal(`audit_keys:${PERSON}`, FORMER_KEY);
  const keys = { trailKey: TRAIL_KEY, key: { user_id: PERSON, secret: SECRET, key_sealed: keySealed } };
  const event = { eventId: EVENT, sealed: Buffer.from(FORMER, 'hex') };
  expect(openFields(deps, keys, event)?.toString()).toBe(FIELDS);
});
