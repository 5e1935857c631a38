import { english } from './english.ts';

/** Everything that the pages say in one language. Adding one is another value of this type. */
export type Words = typeof english;

/** The catalogue of a request. English is the only one so far; a choice by `Accept-Language` belongs here. */
export function wordsFor(_acceptLanguage: string | undefined): Words {
  return english;
}
