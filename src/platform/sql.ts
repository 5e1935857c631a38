import { createHash } from 'node:crypto';

/** A piece of SQL with its parameters apart. Pieces nest; the whole is sent as one prepared statement. */
export class Fragment {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }
}

/**
 * Writes SQL: every `${value}` becomes a parameter, every `${fragment}` is spliced in. Nothing can be interpolated as
 * text, so a statement cannot be injected into, and its text depends only on the code that wrote it.
 */
export function sql(strings: TemplateStringsArray, ...values: unknown[]): Fragment {
  return new Fragment(strings, values);
}

/**
 * What stands in `in (…)`: each value as a parameter, written by `of`, or null for none, which nothing is in. It is a list and
 * no array, since PostgreSQL takes every array whose length it does not know for one of ten, and plans for as many.
 */
export function list<T>(values: readonly T[], of: (value: T) => Fragment): Fragment {
  return values.length === 0 ? sql`null` : values.map(of).reduce((all, one) => sql`${all}, ${one}`);
}

/**
 * That a row which is found by its id has this owner, as a condition that no index is taken for. With a plain `=`, PostgreSQL
 * finds the index on the owner as good as that on the id where most accounts have one row, and reads all hundred thousand of one.
 */
export function isOwned(owner: Fragment, userId: Fragment): Fragment {
  return sql`(${owner} = ${userId}) is true`;
}

/** A statement that reads a row for one who asks, and a row each for several at once (`Db.read`). It waits for no lock. */
export interface Reading<Ask> {
  alone(ask: Ask): Fragment;
  /** The same for all of them: each row has the place of its asker among them, from 1, in the column `place`. */
  together(asks: readonly Ask[]): Fragment;
}

/**
 * A statement that writes a row of one's own, for one who asks and for several at once (`Db.join`): the several cost one
 * plan, one round trip and one commit.
 */
export interface Joint<Ask> {
  /** What the asker's row is found by: the id of the row that it writes. */
  key(ask: Ask): string;
  /** Decides what becomes of this asker's row, and waits for whoever has it locked. */
  alone(ask: Ask): Fragment;
  /**
   * The same for all of them, but that it waits for nobody: it passes over a row that is locked, and gives each row that
   * it wrote its key in the column `key`. Who gets no row asks alone.
   */
  together(asks: readonly Ask[]): Fragment;
}

/**
 * How many are served together at most. More would keep the first of them waiting for the last; and PostgreSQL takes every
 * array whose length it does not know for one of ten.
 */
export const COMPANY = 10;

/**
 * What each of those who ask together says of one thing, as the array that their statement unnests. It is filled up with
 * nulls to the length that PostgreSQL assumes, since it would plan anew for each shorter one; let nulls match nothing.
 */
export function column<Ask>(asks: readonly Ask[], pick: (ask: Ask) => unknown): unknown[] {
  const rest = Math.max(COMPANY - asks.length, 0);
  return [...asks.map(pick), ...Array.from({ length: rest }, () => null)];
}

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

type Named = Pick<Statement, 'name' | 'text'>;

/** Where one is in the pieces that a statement is made of, and what it is called once all of them have been read. */
interface Place {
  /** After a parameter. */
  afterValue?: Place;
  readonly afterPiece: WeakMap<readonly string[], Place>;
  statement?: Named;
}

const newPlace = (): Place => ({ afterPiece: new WeakMap() });
const beginning = newPlace();

/**
 * The statement that a fragment stands for, named by the hash of its text, so that it is prepared once a connection. The
 * text is put together once: after that the pieces, which are as many as the code that wrote them, lead to it.
 */
export function toStatement(fragment: Fragment): Statement {
  const values: unknown[] = [];
  const place = follow(beginning, fragment, values);
  const { name, text } = (place.statement ??= nameOf(fragment));
  return { name, text, values };
}

// How many values a piece has is known from its strings, so one way through the pieces is one statement.
function follow(from: Place, { strings, values }: Fragment, into: unknown[]): Place {
  let place = from.afterPiece.get(strings);
  if (place === undefined) from.afterPiece.set(strings, (place = newPlace()));
  for (const value of values) {
    if (value instanceof Fragment) place = follow(place, value, into);
    else {
      into.push(value);
      place = place.afterValue ??= newPlace();
    }
  }
  return place;
}

function nameOf(fragment: Fragment): Named {
  const text = splice(fragment, { count: 0 });
  return { name: createHash('sha256').update(text).digest('base64url').slice(0, 22), text };
}

function splice({ strings, values }: Fragment, parameters: { count: number }): string {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    text += value instanceof Fragment ? splice(value, parameters) : `$${++parameters.count}`;
    text += strings[index + 1];
  }
  return text;
}
