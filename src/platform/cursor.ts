import { readInstant } from './clock.ts';
import { Problem } from './problems.ts';
import { isStorable } from './storable.ts';
import { isUuid } from './uuid.ts';

/** One page of a list, as every list route answers. */
export interface Page<Item> {
  readonly items: Item[];
  /** Opaque; null on the last page. */
  readonly next_cursor: string | null;
}

/** What a part of a sort key looks like. */
interface Form {
  test(text: string): boolean;
}

/** Packs the sort key of the last item of a page. */
function encodeCursor(...key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * The sort key in one of our cursors; null where none was sent. Its parts must match `patterns`, so that a made-up cursor is
 * answered with 422 and never makes a statement fail.
 */
export function decodeCursor(
  cursor: string | undefined,
  patterns: readonly Form[],
): readonly string[] | null {
  if (cursor === undefined) return null;
  let key: unknown = null;
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    // Refused below, like any other text that is no cursor.
  }
  const parts: unknown[] = Array.isArray(key) ? key : [];
  const whole =
    parts.length === patterns.length &&
    parts.every(
      (part, index) => typeof part === 'string' && isStorable(part) && patterns[index]?.test(part) === true,
    );
  if (!whole) {
    const issue = {
      type: 'cursor_invalid',
      loc: ['query', 'cursor'],
      msg: 'Input should be a next_cursor of this list',
    };
    throw new Problem('validation_failed', { issues: [issue] });
  }
  return parts as string[];
}

/** Makes a page from the `limit + 1` rows that were asked for: the extra row only shows that there are more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { keyOf, present }: { keyOf: (row: Row) => readonly string[]; present: (row: Row) => Item },
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: shown.map(present), next_cursor: more ? encodeCursor(...keyOf(last)) : null };
}

/** An instant as this program writes it, for `decodeCursor`. */
export const INSTANT: Form = { test: text => readInstant(text)?.toISOString() === text };

/** A UUID as this program writes it, for `decodeCursor`. */
export const UUID: Form = { test: isUuid };
