export { attemptFragment, countedUnder } from './queries.ts';
