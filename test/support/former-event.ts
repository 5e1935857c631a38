import { createCipheriv, randomBytes } from 'node:crypto';
import { sql } from '../../src/platform/sql.ts';
import type { TestDeps } from './deps.ts';

/** An event about somebody as it was written before keys were in shares: sealed under a key of the person. */
export async function writeFormerEvent(
  { db, clock, random, secrets }: TestDeps,
  userId: string,
  ip: string,
): Promise<void> {
  const [key, iv, id] = [randomBytes(32), randomBytes(12), random.uuid()];
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id));
  const body = Buffer.concat([cipher.update(JSON.stringify({ ip })), cipher.final()]);
  const sealed = Buffer.concat([iv, cipher.getAuthTag(), body]);
  await db.run(sql`
    insert into audit_keys (user_id, key_sealed, created_at)
    values (${userId}::uuid, ${secrets.seal(`audit_keys:${userId}`, key)}::bytea, ${clock.now()}::timestamptz)`);
  await db.run(sql`
    insert into audit_events (id, created_at, type, outcome, actor_kind, user_id, request_id, personal_sealed)
    values (${id}::uuid, ${clock.now()}::timestamptz, 'login.succeeded', 'success', 'user', ${userId}::uuid,
      ${ip}::text, ${sealed}::bytea)`);
}
