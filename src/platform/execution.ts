import pg from 'pg';
import { serialize } from 'pg-protocol';
import type { Statement } from './sql.ts';

/** What a statement returned. */
export interface Outcome {
  readonly rows: Record<string, unknown>[];
  /** How many rows it wrote or returned. */
  readonly count: number;
}

type Row = Record<string, unknown>;
type Parse = (text: string) => unknown;

interface Columns {
  readonly names: readonly string[];
  readonly parsers: readonly Parse[];
  /** A row of nulls: rows that are copied from it share one shape. */
  readonly blank: Row;
}

/** What an execution needs of pg's connection. */
interface Wire {
  readonly stream: { write(messages: Buffer): void };
  /** The text of each statement that is prepared on this connection, by its name. */
  readonly parsedStatements: Readonly<Record<string, string>>;
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

// The columns of a prepared statement cannot change while its connection lives: the server would refuse to run it.
const described = new WeakMap<Wire, Map<string, Columns>>();

// In a shared transaction nobody waits longer than this for a lock, since all the others would wait as well. Set by a function,
// since SET LOCAL without BEGIN warns in the server's log.
const SHARED_LOCK_TIMEOUT = "select set_config('lock_timeout', '100', true)";

/**
 * A run of a prepared statement, for `client.query`; with several lists of values, a run for each in one transaction, where no
 * lock is waited for longer than a tenth of a second. pg's own Query asks the server for the columns on every run and reads the
 * answer anew, which cost a tenth of the bearer check; this asks once per connection.
 */
export class Execution {
  readonly name: string;
  readonly text: string;
  readonly #valueLists: readonly unknown[][];
  readonly #outcomes: Outcome[] = [];
  /** How many completions to pass over: that of SHARED_LOCK_TIMEOUT. */
  #unasked: number;
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #failure: Error | null = null;
  /** Called with what each run returned. */
  callback: (error: Error | null, outcomes?: readonly Outcome[]) => void;

  constructor(
    { name, text }: Pick<Statement, 'name' | 'text'>,
    valueLists: readonly unknown[][],
    callback: Execution['callback'],
  ) {
    this.name = name;
    this.text = text;
    this.#valueLists = valueLists;
    this.#unasked = valueLists.length > 1 ? 1 : 0;
    this.callback = callback;
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire;
    const prepared = wire.parsedStatements[this.name] !== undefined;
    this.#columns = prepared ? described.get(wire)?.get(this.name) : undefined;
    wire.stream.write(this.#messages(prepared));
    return null;
  }

  // All in one buffer: a write for each message costs more than the message.
  #messages(prepared: boolean): Buffer {
    const messages: Buffer[] = [];
    try {
      // First, because pg takes this name for prepared as soon as any statement is parsed.
      if (!prepared) messages.push(serialize.parse({ name: this.name, text: this.text }));
      if (this.#unasked > 0)
        messages.push(serialize.parse({ text: SHARED_LOCK_TIMEOUT }), serialize.bind(), serialize.execute());
      for (const [index, values] of this.#valueLists.entries()) {
        messages.push(serialize.bind({ statement: this.name, values, valueMapper: toParameter }));
        if (index === 0 && this.#columns === undefined) messages.push(serialize.describe({ type: 'P' }));
        messages.push(serialize.execute());
      }
    } catch (error) {
      // A value could not be written: nothing is run, and the caller is told when the server is ready for the next statement.
      this.#failure = error as Error;
      messages.length = 0;
    }
    messages.push(serialize.sync());
    return Buffer.concat(messages);
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = {
      names: fields.map(({ name }) => name),
      parsers: fields.map(({ dataTypeID }) => pg.types.getTypeParser(dataTypeID, 'text') as Parse),
      blank: Object.fromEntries(fields.map(({ name }) => [name, null])),
    };
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#unasked > 0) return;
    const { names, parsers, blank } = this.#columns as Columns;
    const row = { ...blank };
    try {
      for (let index = 0; index < fields.length; index++) {
        const text = fields[index] as string | null;
        if (text !== null) row[names[index] as string] = (parsers[index] as Parse)(text);
      }
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { text: string }, connection: unknown): void {
    if (this.#unasked-- > 0) return;
    this.#outcomes.push({ rows: this.#rows, count: Number(text.slice(text.lastIndexOf(' ') + 1)) || 0 });
    this.#rows = [];
    const wire = connection as Wire;
    let columns = described.get(wire);
    if (columns === undefined) described.set(wire, (columns = new Map()));
    columns.set(this.name, this.#columns ?? { names: [], parsers: [], blank: {} });
  }

  handleReadyForQuery(): void {
    if (this.#failure !== null) this.callback(this.#failure);
    else this.callback(null, this.#outcomes);
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}
}

// A Date in the form that pg would write, but in UTC and without padding it by hand.
const toParameter = (value: unknown) => (value instanceof Date ? value.toISOString() : prepareValue(value));
