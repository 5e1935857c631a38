import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventTypes } from './event-type.ts';

const SRC = join(import.meta.dirname, '..');

test('every type of event that operators can filter by is written somewhere', () => {
  const written = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !/\.test\.ts$|event-type\.ts$|^pages\/english/.test(path))
    .map(path => readFileSync(join(SRC, path), 'utf8'))
    .join('\n');
  const unwritten = Object.keys(eventTypes).filter(type => !written.includes(`'${type}'`));
  expect(unwritten).toEqual([]);
});
