import { sha256 } from './digest.ts';

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

/** `from source`, or nothing without a source: a `select` of values alone then has one row. */
export const fromIf = (source: Fragment | undefined) => (source === undefined ? sql`` : sql`from ${source}`);

/**
 * The inside of `in (…)`: each value as a parameter, written by `of`, or null where there is no value, which matches nothing. A
 * list and not an array, since PostgreSQL assumes ten elements for every array of unknown length, and plans for as many.
 */
export function list<T>(values: readonly T[], of: (value: T) => Fragment): Fragment {
  return values.length === 0 ? sql`null` : values.map(of).reduce((all, one) => sql`${all}, ${one}`);
}

/**
 * The condition that a row found by its id has this owner, written so that no index is used for it. With a plain `=`, where most
 * accounts have one row, PostgreSQL finds the index on the owner as good as that on the id, and reads all hundred thousand rows
 * of an account that has so many.
 */
export function isOwned(owner: Fragment, userId: Fragment): Fragment {
  return sql`(${owner} = ${userId}) is true`;
}

/** A statement that reads a row for one asker, or a row each for several at once (`Db.read`). It waits for no lock. */
export interface Reading<Ask> {
  alone(ask: Ask): Fragment;
  /** The same for all of them: the column `place` of each row says which of the askers it is for, counted from 1. */
  together(asks: readonly Ask[]): Fragment;
}

/**
 * A statement that writes an asker's own row, for one or for several at once (`Db.join`): the several cost one plan, one round
 * trip and one commit.
 */
export interface Joint<Ask> {
  /** What finds the asker's row in the result: the id of the row that is written. */
  key(ask: Ask): string;
  /** Decides what becomes of this asker's row, and waits for whoever has it locked. */
  alone(ask: Ask): Fragment;
  /**
   * The same for all of them, except that it waits for nobody: it passes over a locked row, and returns the key of each row that
   * it wrote in the column `key`. An asker who gets no row asks alone.
   */
  together(asks: readonly Ask[]): Fragment;
}

/**
 * How many are served together at most. With more, the first of them would wait for the last; and PostgreSQL assumes ten elements
 * for every array of unknown length.
 */
export const COMPANY = 10;

/**
 * One value of each of those who ask together, as the array that their statement unnests. It is filled up with nulls to the
 * length that PostgreSQL assumes, since it would plan anew for each shorter one; the statement must let nulls match nothing.
 */
export function column<Ask>(asks: readonly Ask[], pick: (ask: Ask) => unknown): unknown[] {
  const values = asks.map(pick);
  while (values.length < COMPANY) values.push(null);
  return values;
}

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

type Named = Pick<Statement, 'name' | 'text'>;

/** A position in the pieces that a statement is made of, and the statement that ends there, once it was read. */
interface Place {
  /** After a parameter. */
  afterValue?: Place;
  readonly afterPiece: WeakMap<readonly string[], Place>;
  statement?: Named;
}

const newPlace = (): Place => ({ afterPiece: new WeakMap() });
const beginning = newPlace();

/**
 * The statement that a fragment stands for, named by the hash of its text, so that it is prepared once per connection. The text
 * is put together once: after that its pieces, which are only as many as the code contains, lead to it.
 */
export function toStatement(fragment: Fragment): Statement {
  const values: unknown[] = [];
  const place = follow(beginning, fragment, values);
  const { name, text } = (place.statement ??= nameOf(fragment));
  return { name, text, values };
}

// A piece's strings determine how many values it has, so each path through the pieces is exactly one statement.
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
  return { name: sha256(text).toString('base64url').slice(0, 22), text };
}

function splice({ strings, values }: Fragment, parameters: { count: number }): string {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    text += value instanceof Fragment ? splice(value, parameters) : `$${++parameters.count}`;
    text += strings[index + 1];
  }
  return text;
}
