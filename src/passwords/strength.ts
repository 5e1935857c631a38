import { loadOnce } from '../platform/load-once.ts';
import { type Owner, ownWords } from './own-words.ts';

/** How hard a password is to guess, from 0 (at once) to 4 (very hard), and what would make it harder. */
export interface Strength {
  readonly score: 0 | 1 | 2 | 3 | 4;
  readonly advice: readonly string[];
}

// zxcvbn's time grows with the cube of the length, with the substitutions that it tries, and with the owner's words,
// each of which may begin anywhere. 64 characters take 600 ms with its defaults and 54 ms with sixty words; with these
// limits, the worst that a search found takes 15 ms.
const LENGTH_MAX = 64;
const SUBSTITUTIONS_MAX = 10;
const WORDS_MAX = 12;

type Estimate = (password: string, own: string[]) => Promise<Strength>;

/**
 * Estimates a password's strength from its first 64 characters and the twelve longest words of its owner. The first call
 * loads zxcvbn and the common passwords.
 */
export async function strengthOf(password: string, owner: Owner): Promise<Strength> {
  // A longer word cannot be part of what is estimated.
  const words = ownWords(owner).filter(word => word.length <= LENGTH_MAX);
  return (await estimate())(Array.from(password).slice(0, LENGTH_MAX).join(''), words.slice(0, WORDS_MAX));
}

const estimate = loadOnce(async (): Promise<Estimate> => {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  const zxcvbn = new ZxcvbnFactory({
    dictionary: { passwords: dictionary['passwords-common'] ?? [] },
    graphs: adjacencyGraphs,
    l33tMaxSubstitutions: SUBSTITUTIONS_MAX,
    maxLength: LENGTH_MAX,
  });
  return async (password, own) => {
    const { score, feedback } = zxcvbn.check(password, own);
    const keys = [feedback.warning, ...feedback.suggestions];
    const advice = keys.flatMap(key => (key === null ? [] : (sentences.get(key) ?? [])));
    return { score, advice: [...new Set(advice)] };
  };
});

// Without a translation zxcvbn answers in keys; its English one would load four more dictionaries.
const sentences: ReadonlyMap<string, string> = new Map(
  Object.entries({
    straightRow: 'Rows of neighbouring keys are easy to guess.',
    keyPattern: 'Short patterns on the keyboard are easy to guess.',
    simpleRepeat: 'Repeats such as "aaa" are easy to guess.',
    extendedRepeat: 'Repeats such as "abcabcabc" are hardly harder to guess than "abc".',
    sequences: 'Sequences such as "abc" or "6543" are easy to guess.',
    recentYears: 'Recent years are easy to guess.',
    dates: 'Dates are easy to guess.',
    topTen: 'This is one of the ten most used passwords.',
    topHundred: 'This is one of the hundred most used passwords.',
    common: 'This is a commonly used password.',
    similarToCommon: 'This is close to a commonly used password.',
    wordByItself: 'A single word is easy to guess.',
    namesByThemselves: 'A single name is easy to guess.',
    commonNames: 'Common names are easy to guess.',
    userInputs: 'Your own name or address is what an attacker tries first.',
    l33t: 'Replacing letters by look-alikes such as "@" for "a" hardly helps.',
    reverseWords: 'Spelling a word backwards hardly helps.',
    allUppercase: 'Writing everything in capitals hardly helps.',
    capitalization: 'A capital at the start hardly helps.',
    associatedYears: 'Leave out years that are connected with you.',
    repeated: 'Leave out repeated words and characters.',
    longerKeyboardPattern: 'Use a longer pattern on the keyboard, with several turns.',
    anotherWord: 'Add another word or two, the less common the better.',
    useWords: 'Use several words that do not belong together.',
    noNeed: 'Length helps more than symbols, digits or capitals.',
  }),
);
