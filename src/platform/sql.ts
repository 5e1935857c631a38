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
 * What each of those who ask together says of one thing, as the array that a joint statement unnests. It is filled up with
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

const flatTexts = new WeakMap<readonly string[], { name: string; text: string }>();
const nestedNames = new Map<string, string>();

/** The statement that a fragment stands for, named by the hash of its text, so that it is prepared once a connection. */
export function toStatement(fragment: Fragment): Statement {
  if (!fragment.values.some(value => value instanceof Fragment)) {
    let known = flatTexts.get(fragment.strings);
    if (known === undefined) {
      const text = fragment.strings.reduce((left, right, index) => `${left}$${index}${right}`);
      known = { name: statementName(text), text };
      flatTexts.set(fragment.strings, known);
    }
    return { name: known.name, text: known.text, values: fragment.values as unknown[] };
  }
  const values: unknown[] = [];
  const text = splice(fragment, values);
  let name = nestedNames.get(text);
  if (name === undefined) {
    name = statementName(text);
    nestedNames.set(text, name);
  }
  return { name, text, values };
}

function splice({ strings, values }: Fragment, into: unknown[]): string {
  let text = strings[0] ?? '';
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    text += value instanceof Fragment ? splice(value, into) : `$${into.push(value)}`;
    text += strings[index + 1];
  }
  return text;
}

function statementName(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
