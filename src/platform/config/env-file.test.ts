import { expect, test } from 'vitest';
import { parseEnvFile } from './env-file.ts';
import { editDistance, nearestName } from './near-miss.ts';

const values = (text: string) => Object.fromEntries(parseEnvFile(text).values);

test('reads what the original read: comments, quotes, export, and # within a value', () => {
  expect(
    values(
      [
        '# comment',
        '',
        'A=1',
        ' export B = two words  # a comment',
        'C=se#cret',
        "D='single # \\n'  # comment",
        'E="line\\nnext \\"quoted\\""',
        'F="two',
        'lines"',
        'G=',
        'H=a=b',
        'I="" # empty',
      ].join('\r\n'),
    ),
  ).toEqual({
    A: '1',
    B: 'two words',
    C: 'se#cret',
    D: 'single # \\n',
    E: 'line\nnext "quoted"',
    F: 'two\nlines',
    G: '',
    H: 'a=b',
    I: '',
  });
});

test('says which lines cannot be read', () => {
  expect(parseEnvFile('A="1\n2"\nnonsense\nB="x" y\nC=\'open\n').faults).toEqual([
    '.env line 3: write NAME=value, or begin the line with #',
    '.env line 4: there is text after the quotes of B',
    '.env line 5: the quotes of C are not closed',
  ]);
});

test('finds the name that was meant', () => {
  const known = ['JWT_SECRET_KEY', 'PORT', 'HOST', 'APP_URL'];
  expect(nearestName('JWT_SECRETKEY', known)).toBe('JWT_SECRET_KEY');
  expect(nearestName('jwt_secret_key', known)).toBe('JWT_SECRET_KEY');
  expect(nearestName('APP_URI', known)).toBe('APP_URL');
  expect(nearestName('HOME', known)).toBeNull();
  expect(nearestName('JWT_SECRET', known)).toBeNull();
  expect(editDistance('kitten', 'sitting')).toBe(3);
});
