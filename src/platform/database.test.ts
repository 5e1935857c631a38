import { expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { sql } from './sql.ts';

test('values are parameters, fragments nest, and every statement is prepared by name', async () => {
  const { db, close } = await testDatabase();
  try {
    const inner = sql`select ${'a'}::text as letter, ${2}::int as count`;
    const row = await db.row(
      sql`with inner_rows as (${inner}) select *, ${"'; drop table users"}::text as hostile from inner_rows`,
    );
    expect(row).toEqual({ letter: 'a', count: 2, hostile: "'; drop table users" });
    const prepared = await db.rows<{ statement: string }>(sql`select statement from pg_prepared_statements`);
    expect(prepared.length).toBeGreaterThan(0);
  } finally {
    await close();
  }
});

test('a throw inside a transaction rolls back, a return commits', async () => {
  const { db, close } = await testDatabase();
  try {
    const insert = (name: string) =>
      sql`insert into roles (name, description, created_at) values (${name}, '', ${new Date()})`;
    await db.transaction(tx => tx.run(insert('kept')));
    await expect(
      db.transaction(async tx => {
        await tx.run(insert('lost'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await db.rows(sql`select name from roles where not built_in`)).toEqual([{ name: 'kept' }]);
  } finally {
    await close();
  }
});

test('a server that hangs up on a transaction between two statements fails that transaction, and nothing else', async () => {
  const { db, close } = await testDatabase();
  try {
    const lost = db.transaction(async tx => {
      const mine = await tx.row<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      await db.run(sql`select pg_terminate_backend(${mine?.pid ?? 0})`);
      await new Promise(resolve => setTimeout(resolve, 100));
      await tx.row(sql`select 1 as one`);
    });
    await expect(lost).rejects.toThrow(expect.objectContaining({ code: 'database_unavailable' }));
    expect(await db.row(sql`select 1 as one`)).toEqual({ one: 1 });
  } finally {
    await close();
  }
});
