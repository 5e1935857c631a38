import type { Db } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';

type Table = 'audit_events' | 'sessions';

/** Lets the server report a full disk to whoever inserts into a table. */
export async function fillDisk(db: Db, table: Table): Promise<void> {
  await db.run(sql`
    create function full_disk() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`);
  await db.run(
    table === 'sessions'
      ? sql`create trigger full_disk before insert on sessions for each row execute function full_disk()`
      : sql`create trigger full_disk before insert on audit_events for each row execute function full_disk()`,
  );
}

/** Makes room again. */
export async function freeDisk(db: Db, table: Table): Promise<void> {
  await db.run(
    table === 'sessions'
      ? sql`drop trigger full_disk on sessions`
      : sql`drop trigger full_disk on audit_events`,
  );
  await db.run(sql`drop function full_disk()`);
}
