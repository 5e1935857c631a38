import { readdir, readFile } from 'node:fs/promises';
import { sha256 } from '../digest.ts';
import { MigrationError } from './migration-error.ts';

/** One step of the schema: a pair of plain SQL files, `<id>.up.sql` and `<id>.down.sql`. */
export interface Revision {
  /** `YYYYMMDDHHMMSS_slug`; their order is the order of the revisions. */
  readonly id: string;
  readonly up: string;
  readonly down: string;
  /** SHA-256 of the upgrade's text, so that an edit after it was applied is noticed. */
  readonly checksum: string;
}

export const REVISIONS_FOLDER = new URL('../../../migrations/', import.meta.url);

/** The revisions of a folder, oldest first. Refuses a pair that is incomplete or badly named. */
export async function readRevisions(folder: URL = REVISIONS_FOLDER): Promise<Revision[]> {
  const files = (await readdir(folder)).filter(file => /\.(up|down)\.sql$/.test(file));
  const ids = [...new Set(files.map(file => file.replace(/\.(up|down)\.sql$/, '')))].sort();
  return Promise.all(
    ids.map(async id => {
      if (!/^\d{14}_[a-z0-9_]+$/.test(id)) {
        throw new MigrationError(`${id}: a revision is named YYYYMMDDHHMMSS_words_of_its_message`);
      }
      for (const half of ['up', 'down']) {
        if (!files.includes(`${id}.${half}.sql`)) throw new MigrationError(`${id}.${half}.sql is missing`);
      }
      const [up, down] = await Promise.all([read(folder, `${id}.up.sql`), read(folder, `${id}.down.sql`)]);
      return { id, up, down, checksum: sha256(up).toString('hex') };
    }),
  );
}

/** The id of the last revision of this program. */
export async function newestRevision(): Promise<string> {
  const ups = (await readdir(REVISIONS_FOLDER)).filter(file => file.endsWith('.up.sql'));
  return (ups.sort().at(-1) as string).replace('.up.sql', '');
}

// A checkout with CRLF line ends is the same revision.
async function read(folder: URL, file: string): Promise<string> {
  return (await readFile(new URL(file, folder), 'utf8')).replaceAll('\r\n', '\n');
}

/** The index of the revision that a person meant by its id, its time, its words, or an unambiguous beginning of one of these. */
export function findRevision(revisions: readonly Revision[], text: string): number {
  const exact = revisions.findIndex(({ id }) => id === text);
  if (exact >= 0) return exact;
  const matches = revisions.filter(({ id }) => id.startsWith(text) || id.slice(15).startsWith(text));
  if (matches.length > 1) {
    throw new MigrationError(`"${text}" could be any of ${matches.map(({ id }) => id).join(', ')}`);
  }
  if (matches[0] === undefined || text === '') throw new MigrationError(`Can't locate revision "${text}"`);
  return revisions.indexOf(matches[0]);
}
