export { attemptFragment, countedUnder, knownAmong } from './queries.ts';
