import { defineEntity, p } from '@mikro-orm/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCatalogue } from '../../src/platform/migrations/catalogue.ts';
import { checkDatabase } from '../../src/platform/migrations/check.ts';
import { flag, raw, text, uuid } from '../../src/platform/migrations/columns.ts';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { cautions, writeRevision } from '../../src/platform/migrations/new-revision.ts';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { schemaDifference } from '../../src/platform/migrations/schema-difference.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import * as schema from '../../src/schema.ts';
import {
  type EmptyDatabase,
  emptyDatabase,
  migratedDatabase,
  migrationOf,
  on,
  revisionsFolder,
} from './support.ts';

const FIRST = '20260101000000_first';
const NOTES = `create table notes (id uuid primary key, title text not null, kind text not null default 'plain');
  create unique index notes_title_idx on notes (lower(title)) where kind = 'plain';
  create table readers (id uuid primary key)`;
// Everything that no entity can say, on the very tables that entities change.
const BY_HAND = `alter table notes set (fillfactor = 70);
  create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';
  create trigger notes_kept before delete on notes for each row execute function refuse();
  create table log (at timestamptz primary key) partition by range (at);
  create table log_default partition of log default;
  create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
  create index notes_by_hand_idx on notes using hash (kind);
  alter table notes add constraint notes_by_hand check (title <> kind);
  grant select on notes to public;
  alter table notes enable row level security;
  create policy everybody on notes using (true);
  create view titles as select title from notes;
  create sequence numbers; comment on table notes is 'hello'`;

const titleIndex = (condition = "where kind = 'plain'") => ({
  name: 'notes_title_idx',
  expression: `create unique index notes_title_idx on notes (lower(title)) ${condition}`,
});
const readers = defineEntity({ name: 'readers', properties: { id: uuid().primary() } });
const log = defineEntity({
  name: 'log',
  properties: { at: p.datetime(6).columnType('timestamptz').primary() },
  partitionBy: { type: 'range', expression: 'at', partitions: [{ name: 'log_default', values: 'default' }] },
});
const notes = defineEntity({
  name: 'notes',
  properties: { id: uuid().primary(), title: text(), kind: text().default('plain') },
  indexes: [titleIndex()],
});
const inCode = (...entities: readonly unknown[]) => ({
  entities: entities as (typeof schema)['entities'][number][],
  handWritten: ['notes_by_hand_idx', 'notes_by_hand'],
});

let database: EmptyDatabase;
let files: Awaited<ReturnType<typeof revisionsFolder>>;
beforeEach(async () => {
  database = await emptyDatabase();
  files = await revisionsFolder({ copy: false });
  await files.add(
    FIRST,
    `${NOTES}; ${BY_HAND}`,
    'drop table notes, readers, log cascade; drop function refuse; drop sequence numbers',
  );
});
afterEach(async () => {
  await database.close();
  await files.remove();
});

const migration = () => migrationOf(database, files.folder);

/** Generates a revision, runs it up, down and up on the live database, and answers its halves. */
async function generate(code: ReturnType<typeof inCode>) {
  await upgrade(await migration());
  const before = await on(database.connection.connectionString, readCatalogue);
  const difference = await schemaDifference(await migration(), code);
  expect(difference.byHand).toEqual([]);
  const { revisions } = await migration();
  const now = new Date('2026-11-23T12:34:56Z');
  const id = await writeRevision(
    { message: 'Change: notes!', ...difference },
    { revisions, now, folder: files.folder },
  );
  expect(id).toBe('20261123123456_change_notes');
  await upgrade(await migration());
  await downgrade(await migration(), '-1');
  expect(await on(database.connection.connectionString, readCatalogue)).toEqual(before);
  await upgrade(await migration());
  expect(await schemaDifference(await migration(), code)).toEqual({ up: '', down: '', byHand: [] });
  expect(await checkDatabase(await migration())).toEqual({ faults: [], warnings: [] });
  return difference;
}

describe('autogenerate', { timeout: 60_000 }, () => {
  it('finds nothing to write on head', async () => {
    await database.close();
    database = await migratedDatabase();
    const options = { connection: database.connection, revisions: await readRevisions(), say: () => {} };
    expect(await schemaDifference(options, schema)).toEqual({ up: '', down: '', byHand: [] });
  });

  it('leaves alone what is written by hand', async () => {
    expect(await schemaDifference(await migration(), inCode(notes, readers, log))).toEqual({
      up: '',
      down: '',
      byHand: [],
    });
  });

  it('writes an added column, both ways', async () => {
    const more = defineEntity({
      name: 'notes',
      properties: {
        id: uuid().primary(),
        title: text(),
        kind: text().default('plain'),
        body: text().nullable(),
      },
      indexes: [titleIndex()],
    });
    expect(await generate(inCode(more, readers, log))).toEqual({
      up: 'alter table "notes" add "body" text null;',
      down: 'alter table "notes" drop column "body";',
      byHand: [],
    });
  });

  it('writes a column of a domain, both ways', async () => {
    await files.add(
      '20260102000000_domain',
      "create domain shade as text check (value <> '')",
      'drop domain shade',
    );
    const shaded = defineEntity({
      name: 'notes',
      properties: {
        id: uuid().primary(),
        title: text(),
        kind: text().default('plain'),
        shade: raw('shade').nullable(),
      },
      indexes: [titleIndex()],
    });
    expect(await generate(inCode(shaded, readers, log))).toEqual({
      up: 'alter table "notes" add "shade" shade null;',
      down: 'alter table "notes" drop column "shade";',
      byHand: [],
    });
  });

  it('detects a renamed column and keeps its data', async () => {
    await upgrade(await migration());
    await database.query("insert into notes (id, title) values (gen_random_uuid(), 'kept')");
    const renamed = defineEntity({
      name: 'notes',
      properties: { id: uuid().primary(), heading: text(), kind: text().default('plain') },
      indexes: [
        {
          name: 'notes_title_idx',
          expression: "create unique index notes_title_idx on notes (lower(heading)) where kind = 'plain'",
        },
      ],
    });
    const { up, down } = await generate(inCode(renamed, readers, log));
    expect(up).toBe('alter table "notes" rename column "title" to "heading";');
    expect(cautions({ up, down })).toEqual([expect.stringContaining('notes.title was renamed to heading')]);
    expect(await database.query('select heading from notes')).toEqual([{ heading: 'kept' }]);
  });

  it('renames on the way back only what it renamed on the way up', async () => {
    await files.add(
      '20260102000000_more',
      'alter table readers add nickname text, add pending_email text',
      'alter table readers drop nickname, drop pending_email',
    );
    const changed = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary(), nick: text().nullable(), must: flag().default(false) },
    });
    const { up, down } = await generate(inCode(notes, changed, log));
    expect(up).not.toContain('rename');
    expect(down).not.toContain('rename');
    for (const column of ['nickname', 'pending_email']) {
      expect(up).toContain(`drop column "${column}"`);
      expect(down).toContain(`add "${column}" text null`);
    }
  });

  it('writes a new table with its foreign key, check and indexes', async () => {
    const comments = defineEntity({
      name: 'comments',
      properties: {
        id: uuid().primary(),
        note_id: () =>
          p.manyToOne(notes).joinColumn('note_id').deleteRule('cascade').updateRule('no action').index(false),
        state: p.enum(['open', 'closed']),
      },
      indexes: [{ properties: 'note_id' }],
    });
    await generate(inCode(notes, readers, log, comments));
    const { objects } = await on(database.connection.connectionString, readCatalogue);
    expect(objects.get('constraint comments.comments_note_id_fkey')).toBe(
      'FOREIGN KEY (note_id) REFERENCES notes(id) ON DELETE CASCADE',
    );
    expect(objects.get('constraint comments.comments_state_check')).toContain("'open'");
    expect(objects.has('index comments_note_id_idx')).toBe(true);
  });

  it('removes a table that left the code, with a caution', async () => {
    const { up, down } = await generate(inCode(notes, log));
    expect(cautions({ up, down })).toEqual(['drops the table readers and its rows']);
  });

  it('says what is written by hand and goes with a table, and what the way back cannot make', async () => {
    const gone = `alter table readers set (fillfactor = 50); create view everybody as select id from readers;
      create trigger readers_kept before delete on readers for each row execute function refuse()`;
    await files.add(FIRST, `${NOTES}; ${BY_HAND}; ${gone}`, 'select 1');
    const { byHand } = await schemaDifference(await migration(), inCode(notes, log));
    expect(byHand).toEqual([
      'upgrade: view everybody is dropped as well',
      'downgrade: table readers differs: expected "with (fillfactor=50)", found ""',
      'downgrade: trigger readers.readers_kept is missing',
      'downgrade: view everybody is missing',
    ]);
  });

  it('notices a changed expression index', async () => {
    const changed = defineEntity({
      name: 'notes',
      properties: { id: uuid().primary(), title: text(), kind: text().default('plain') },
      indexes: [titleIndex("where kind <> 'draft'")],
    });
    const { up } = await generate(inCode(changed, readers, log));
    expect(up).toContain('drop index "notes_title_idx";');
    expect(up).toContain("WHERE kind <> 'draft'");
  });

  it('notices it also where its name must be quoted', async () => {
    const named = (expression: string) => `create index "By the ""head""" on readers (${expression})`;
    await files.add(FIRST, `${NOTES}; ${BY_HAND}; ${named('lower(id::text)')}`, 'select 1');
    const changed = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary() },
      indexes: [{ name: 'By the "head"', expression: named('upper(id::text)') }],
    });
    const { up, byHand } = await schemaDifference(await migration(), inCode(notes, changed, log));
    expect(up).toMatch(/^drop index "By the ""head""";\nCREATE INDEX "By the ""head""" ON readers .*upper/);
    expect(byHand).toEqual([]);
  });

  it('says what it cannot write', async () => {
    await files.add(FIRST, `${NOTES}; ${BY_HAND}; alter table readers add at timestamp not null`, 'select 1');
    const timed = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary(), at: p.datetime(6).columnType('timestamptz') },
    });
    const { up, byHand } = await schemaDifference(await migration(), inCode(notes, timed, log));
    expect(up).toBe('');
    expect(byHand).toEqual([
      'upgrade: column readers.at should be "timestamp with time zone not null", and is "timestamp without time zone not null"',
    ]);
  });

  it('says how a table should be partitioned, which no statement can change', async () => {
    const hashed = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary() },
      partitionBy: { type: 'hash', expression: 'id', partitions: 2 },
    });
    const whole = defineEntity({
      name: 'log',
      properties: { at: p.datetime(6).columnType('timestamptz').primary() },
    });
    expect((await schemaDifference(await migration(), inCode(notes, hashed, whole))).byHand).toEqual([
      'upgrade: partitioning readers should be "HASH (id)", and is not there',
      'upgrade: partitioning log should not be there, and is "RANGE (at)"',
    ]);
  });

  it('names the statement that PostgreSQL refuses, and whose it is', async () => {
    const listed = `${NOTES}; ${BY_HAND}; alter table readers add at uuid[] not null`;
    await files.add(FIRST, listed, 'select 1');
    const withAt = (at: ReturnType<typeof raw>) =>
      inCode(notes, defineEntity({ name: 'readers', properties: { id: uuid().primary(), at } }), log);
    await expect(schemaDifference(await migration(), withAt(raw('jsonb')))).rejects.toThrow(
      /^No statements that can be generated .* write that revision by hand .*: cannot cast type uuid\[\] to jsonb, in: alter table "readers" .*;$/,
    );
    await expect(schemaDifference(await migration(), withAt(raw('nothing')))).rejects.toThrow(
      /^The schema in code cannot be built: type "nothing" does not exist, in: create table "readers"/,
    );
    await files.add('20260301000000_wrong', 'select 1;\n  selct 2;', 'select 1');
    await expect(schemaDifference(await migration(), withAt(raw('uuid[]')))).rejects.toThrow(
      'Revision 20260301000000_wrong cannot be built: syntax error at or near "selct", in: selct 2;',
    );
  });

  it('warns of a column that rows cannot have', () => {
    const add = 'alter table "notes" add "size" int not null;';
    const drop = 'alter table "notes" drop column "size";';
    const fails = 'is not null and has no default: this fails on a table that has rows';
    expect(cautions({ up: add, down: drop })).toEqual([`notes.size ${fails}`]);
    expect(cautions({ up: drop, down: add })).toEqual([
      'drops the column notes.size and its data',
      `the downgrade adds notes.size again, which ${fails}`,
    ]);
  });

  it('warns of what rows may be in the way of, either way', async () => {
    const before = `${NOTES}; ${BY_HAND}; alter table readers add nick text, add age bigint not null, add unique (age)`;
    await files.add(FIRST, before, 'select 1');
    const changed = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary(), nick: text().unique(), age: raw('int') },
    });
    expect(cautions(await schemaDifference(await migration(), inCode(notes, changed, log)))).toEqual([
      'readers.nick becomes not null: this fails where a row has none',
      'readers.age becomes int: this fails where a value cannot be one',
      'readers becomes unique by nick: this fails where two rows are alike',
      'the downgrade: readers.age becomes int8: this fails where a value cannot be one',
      'the downgrade: readers becomes unique by age: this fails where two rows are alike',
    ]);
  });

  it('warns of them as well where rows name others, or make a key, and whatever the names are', async () => {
    const before = `${NOTES}; ${BY_HAND}; alter table readers add note_id uuid, add "Größe" text, add "zu viel" text`;
    await files.add(FIRST, before, 'select 1');
    const ofNotes = (column: string) =>
      p.manyToOne(notes).joinColumn(column).updateRule('no action').index(false).nullable();
    const changed = defineEntity({
      name: 'readers',
      properties: {
        id: uuid().primary(),
        note_id: () => ofNotes('note_id'),
        other_id: () => ofNotes('other_id'),
        size: text().fieldName('Größe').primary(),
      },
    });
    expect(cautions(await schemaDifference(await migration(), inCode(notes, changed, log)))).toEqual([
      'drops the column readers.zu viel and its data',
      'readers.Größe becomes not null: this fails where a row has none',
      'readers becomes unique by id, Größe: this fails where two rows are alike, or one has none',
      'readers.note_id names rows of notes: this fails where one names none that is there',
      'the downgrade: readers becomes unique by id: this fails where two rows are alike, or one has none',
    ]);
  });

  it('warns of them as well where an index makes rows unique, or a check is new', async () => {
    await files.add(FIRST, `${NOTES}; ${BY_HAND}; alter table readers add nick text`, 'select 1');
    const other = defineEntity({
      name: 'notes',
      properties: { id: uuid().primary(), title: text(), kind: text().default('plain') },
      indexes: [titleIndex("where kind <> 'draft'")],
    });
    const one = defineEntity({
      name: 'readers',
      properties: { id: uuid().primary(), nick: text().nullable() },
      checks: [{ name: 'readers_nick_check', expression: "nick <> ''" }],
      indexes: [
        {
          name: 'readers_nick_idx',
          expression: 'create unique index readers_nick_idx on readers (lower(nick))',
        },
      ],
    });
    expect(cautions(await schemaDifference(await migration(), inCode(other, one, log)))).toEqual([
      'readers is held to readers_nick_check: this fails where a row breaks it',
      'readers becomes unique by the index readers_nick_idx: this fails where two rows are alike',
      'notes becomes unique by the index notes_title_idx: this fails where two rows are alike',
      'the downgrade: notes becomes unique by the index notes_title_idx: this fails where two rows are alike',
    ]);
  });
});
