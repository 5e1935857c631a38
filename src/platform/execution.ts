import pg from 'pg';
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
  /** A row of nulls: those that are copied from it share one shape. */
  readonly blank: Row;
}

/** What an execution says on pg's connection. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  /** The text of each statement that is prepared on this connection, by its name. */
  readonly parsedStatements: Readonly<Record<string, string>>;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: unknown[]; valueMapper: (value: unknown) => unknown }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: object): void;
  sync(): void;
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

// What a prepared statement returns cannot change while its connection lives: the server refuses to run it then.
const described = new WeakMap<Wire, Map<string, Columns>>();

/**
 * One round trip, for `client.query`: the runs of one prepared statement, in one implicit transaction, each with the
 * outcome of its own or all with one error. pg's own Query asks the server on every run what the columns are and reads
 * the answer anew, which cost a tenth of the bearer check; this asks once a connection.
 */
export class Execution {
  readonly name: string;
  readonly text: string;
  readonly #runs: readonly unknown[][];
  readonly #outcomes: Outcome[] = [];
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #failure: Error | null = null;
  /** Given the outcomes in the order of the runs. */
  callback: (error: Error | null, outcomes?: readonly Outcome[]) => void;

  constructor(
    { name, text }: Pick<Statement, 'name' | 'text'>,
    runs: readonly unknown[][],
    callback: Execution['callback'],
  ) {
    this.name = name;
    this.text = text;
    this.#runs = runs;
    this.callback = callback;
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire;
    const prepared = wire.parsedStatements[this.name] !== undefined;
    this.#columns = prepared ? described.get(wire)?.get(this.name) : undefined;
    wire.stream.cork();
    try {
      if (!prepared) wire.parse({ name: this.name, text: this.text });
      this.#runs.forEach((values, index) => {
        wire.bind({ statement: this.name, values, valueMapper: toParameter });
        if (index === 0 && this.#columns === undefined) wire.describe({ type: 'P', name: '' });
        wire.execute({});
      });
    } catch (error) {
      // A value that cannot be written: the caller is told when the server is ready for the next one.
      this.#failure = error as Error;
    } finally {
      wire.sync();
      wire.stream.uncork();
    }
    return null;
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = {
      names: fields.map(({ name }) => name),
      parsers: fields.map(({ dataTypeID }) => pg.types.getTypeParser(dataTypeID, 'text') as Parse),
      blank: Object.fromEntries(fields.map(({ name }) => [name, null])),
    };
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
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
    this.#outcomes.push({ rows: this.#rows, count: Number(text.slice(text.lastIndexOf(' ') + 1)) || 0 });
    this.#rows = [];
    if (this.#outcomes.length > 1) return;
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

// The same text as pg would write, in UTC and without its padding by hand.
const toParameter = (value: unknown) => (value instanceof Date ? value.toISOString() : prepareValue(value));
