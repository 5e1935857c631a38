import { expect, test } from 'vitest';
import { parseEnvFile } from './env-file.ts';

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
