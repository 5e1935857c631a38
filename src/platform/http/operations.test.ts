import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../../test/support/app.ts';
import { expectProblem } from '../../../test/support/contract.ts';
import { sql } from '../sql.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

test('a schema that was taken back, or an older backup, under a running service is not ready; a newer one is', async () => {
  const { db } = world.deps;
  const ready = () => world.call('GET', '/readyz');
  const behind = { checks: { database: 'ok', schema: expect.stringContaining('upgrade head') } };
  const add = (id: string) => db.run(sql`insert into schema_revisions (id, checksum) values (${id}, '')`);
  const newest = await db.row<{ id: string }>(sql`
    delete from schema_revisions where id = (select max(id) from schema_revisions) returning id`);
  expectProblem(await ready(), 'not_ready');
  expect((await ready()).json()).toMatchObject(behind);
  await db.run(sql`alter table schema_revisions rename to away`);
  expect((await ready()).json()).toMatchObject(behind);
  await db.run(sql`alter table away rename to schema_revisions`);
  await add(newest?.id ?? '');
  await add('29990101000000_of_the_next_version');
  expect((await ready()).json()).toEqual({ status: 'ready', checks: { database: 'ok' } });
});
