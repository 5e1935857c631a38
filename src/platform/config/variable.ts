/** Thrown by a parser: what a value must be, as the end of a sentence that begins with the variable's name. */
export class Unacceptable extends Error {}

/** Reads the text of a variable. Throws `Unacceptable` with "must be …". */
export type Parser<T> = (text: string) => T;

/** The text of another variable, or its default; null where neither is there. */
export type Lookup = (name: string) => string | null;

/** One environment variable: parsing, documentation, `.env.example` and `config check` are all made from this. */
export interface Variable<T> {
  readonly parse: Parser<T>;
  /** What it means and what its values are: one or two sentences. */
  readonly meaning: string;
  /** The default as text; a function where it depends on other variables; null where there is none. */
  readonly fallback: string | null | ((lookup: Lookup) => string | null);
  /** The default in words, where `fallback` is a function or null. */
  readonly fallbackText?: string;
  /** Masked wherever it is shown, and readable from the file that NAME_FILE names. */
  readonly secret: boolean;
}

interface Options {
  readonly fallbackText?: string;
  readonly secret?: boolean;
}

/** A variable that always has a value: given, or its default. */
export function setting<T>(
  parse: Parser<T>,
  meaning: string,
  fallback: string | ((lookup: Lookup) => string),
  options: Options = {},
): Variable<T> {
  return { parse, meaning, fallback, secret: false, ...options };
}

/** A variable that may be absent; its value is null then. */
export function optional<T>(
  parse: Parser<T>,
  meaning: string,
  options: Options & { readonly fallback?: (lookup: Lookup) => string | null } = {},
): Variable<T | null> {
  return { parse, meaning, fallback: null, secret: false, ...options };
}

export type Table = Readonly<Record<string, Variable<unknown>>>;

/** What the variables of a table are parsed to. */
export type ValuesOf<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Variable<infer Value> ? Value : never;
};
