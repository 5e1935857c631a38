import type { Deps } from './deps.ts';
import type { Label, Secrets } from './secrets.ts';
import { sql } from './sql.ts';

/**
 * What is stored of a long-lived secret that only its owner knows: the id of the root that keyed it, and the HMAC. No rewrap can
 * move it to another root, so the mark serves to count how many still depend on which.
 */
export function markedHash(secrets: Secrets, label: Label, data: string): Buffer {
  return Buffer.concat([secrets.rootIds[0] as Buffer, secrets.mac(label, data)]);
}

/** Every form in which `data` may be stored: under each root of the ring, with the mark and, as formerly, without it. */
export function markedHashes(secrets: Secrets, label: Label, data: string): Buffer[] {
  return secrets
    .macs(label, data)
    .flatMap((mac, index) => [Buffer.concat([secrets.rootIds[index] as Buffer, mac]), mac]);
}

/** How many unused recovery codes depend on which root. */
export interface CodeCount {
  readonly present: number;
  /** On a root of AUTH_ROOT_SECRET_PREVIOUS: they work as long as it is there. */
  readonly previous: number;
  /** On a root that is not configured: they do not work. */
  readonly unknown: number;
  /** Made before hashes were marked: nothing tells which root they depend on. */
  readonly unmarked: number;
}

/** Counts the unused recovery codes by the root that keyed them. Reads the whole table. */
export async function countCodesByRoot({ db, secrets }: Pick<Deps, 'db' | 'secrets'>): Promise<CodeCount> {
  const [present, ...previous] = secrets.rootIds;
  const row = await db.row<CodeCount>(sql`
    select count(*) filter (where root = ${present}::bytea) as present,
      count(*) filter (where root = any(${previous}::bytea[])) as previous,
      count(*) filter (where root <> all(${[...secrets.rootIds]}::bytea[])) as unknown,
      count(*) filter (where root is null) as unmarked
    from (select case when length(code_hash) > 32 then substring(code_hash for 4) end as root
      from recovery_codes where used_at is null) codes`);
  return row ?? { present: 0, previous: 0, unknown: 0, unmarked: 0 };
}
