import { expect, test } from 'vitest';
import { fetchFailure } from './fetch-failure.ts';

test('where several addresses failed there is only a code to say why', () => {
  const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  expect(fetchFailure(new TypeError('fetch failed', { cause: refused }))).toBe('ECONNREFUSED');
  expect(fetchFailure(new DOMException('It took too long', 'TimeoutError'))).toBe('It took too long');
});
