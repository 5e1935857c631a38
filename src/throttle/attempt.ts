export { attemptFragment } from './queries.ts';
