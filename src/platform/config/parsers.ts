import { type Parser, Unacceptable } from './variable.ts';

/** Any text. */
export const text: Parser<string> = value => value;

/** A whole number within bounds, both included. */
export function integer(minimum: number, maximum: number): Parser<number> {
  return value => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < minimum || number > maximum) {
      throw new Unacceptable(`must be a whole number from ${minimum} to ${maximum}`);
    }
    return number;
  };
}

const TRUE = new Set(['true', 'on', 'yes', '1']);
const FALSE = new Set(['false', 'off', 'no', '0']);

/** true or false, also written on and off, yes and no, 1 and 0. */
export const flag: Parser<boolean> = value => {
  const word = value.toLowerCase();
  if (!TRUE.has(word) && !FALSE.has(word)) {
    throw new Unacceptable('must be on or off, true or false, yes or no, or 1 or 0');
  }
  return TRUE.has(word);
};

/** One of the given words, in any case. */
export function choice<const Word extends string>(...words: readonly Word[]): Parser<Word> {
  return value => {
    const found = words.find(word => word.toLowerCase() === value.toLowerCase());
    if (found === undefined) throw new Unacceptable(`must be one of ${words.join(', ')}`);
    return found;
  };
}

/** One value or more, separated by commas; blanks around them are dropped. */
export function list<T>(item: Parser<T>): Parser<readonly T[]> {
  return value => {
    const parts = partsOf(value);
    // A lone comma must not mean the empty list, which would switch off a policy, or everybody's way in.
    if (parts.length === 0)
      throw new Unacceptable('must hold at least one value: write one, or leave it out');
    return parts.map(item);
  };
}

const partsOf = (value: string) =>
  value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');

/** Any number of secrets, separated by commas, or a JSON array of them where one holds a comma. */
export const secretList: Parser<readonly string[]> = value => {
  if (!value.startsWith('[')) return partsOf(value);
  const parsed = json(value);
  if (!Array.isArray(parsed) || !parsed.every(item => typeof item === 'string')) {
    throw new Unacceptable('must be secrets separated by commas, or a JSON array of strings');
  }
  return parsed;
};

/** A text that the pattern matches. */
export function matching(pattern: RegExp, what: string): Parser<string> {
  return value => {
    if (!pattern.test(value)) throw new Unacceptable(`must be ${what}`);
    return value;
  };
}

/** The value of a JSON text. */
export function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new Unacceptable('must be valid JSON');
  }
}
