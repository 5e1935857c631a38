import type { Checkpoint } from '../../src/audit/checkpoint.ts';
import type { Finding } from '../../src/audit/finding.ts';
import { recordEvent } from '../../src/audit/record.ts';
import { sealBatch } from '../../src/audit/seal.ts';
import { verifyTrail } from '../../src/audit/verify.ts';
import type { Db } from '../../src/platform/database.ts';
import { Fragment, sql } from '../../src/platform/sql.ts';
import { testDeps } from './deps.ts';
import { settle } from './settle.ts';

export type SealedTrail = Awaited<ReturnType<typeof sealedTrail>>;

/** A trail of nine events about one person, in three batches. */
export async function sealedTrail() {
  const deps = await testDeps();
  const userId = deps.random.uuid();

  function write(index: number, user = userId): Promise<void> {
    deps.clock.advance(1);
    return recordEvent(deps, deps.db, {
      type: 'user.updated',
      outcome: 'success',
      reason: `r${index}`,
      actor: { kind: 'user', id: user },
      userId: user,
      sessionId: deps.random.uuid(),
      caller: { requestId: `q${index}`, ip: '203.0.113.7', userAgent: 'é"\u2028\n' },
      data: { index, text: 'ü\\"\u0001', nested: { b: [1, 2.5, null] } },
      personal: { name: `n${index}` },
    });
  }

  /**
   * What verification finds after somebody with every right in the database (no trigger runs) has done this; undone
   * afterwards. The key to the signatures is not in the database, so they do not have it.
   */
  async function foundAfter(text: string, checkpoints: readonly Checkpoint[] = []): Promise<Finding[]> {
    let findings: readonly Finding[] = [];
    const undo = new Error('undo');
    await deps.db
      .transaction(async tx => {
        await tx.run(sql`set local session_replication_role = replica`);
        for (const part of text.split(';')) await tx.run(new Fragment([part], []));
        ({ findings } = await verifyTrail({ ...deps, db: tx as unknown as Db }, checkpoints));
        throw undo;
      })
      .catch((error: unknown) => {
        if (error !== undo) throw error;
      });
    return findings.map(({ explanation: _text, eventTime: _time, ...finding }) => finding as Finding);
  }

  for (let batch = 0; batch < 3; batch++) {
    for (let index = 0; index < 3; index++) await write(batch * 3 + index);
    await settle(deps);
    await sealBatch(deps);
  }
  const rows = await deps.db.rows<{ id: string }>(sql`select id from audit_events order by created_at`);
  return { deps, userId, ids: rows.map(({ id }) => id), write, foundAfter };
}
