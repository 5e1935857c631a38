import { expect, test } from 'vitest';
import { brandColors, contrast } from './brand-color.ts';

const WHITE = [255, 255, 255] as const;
const PAGE = [244, 245, 248] as const;
const DARK_CARD = [27, 32, 42] as const;

const read = (color: string) =>
  [1, 3, 5].map(at => Number.parseInt(color.slice(at, at + 2), 16)) as unknown as readonly [
    number,
    number,
    number,
  ];

test('contrast is that of WCAG', () => {
  expect(contrast(WHITE, [0, 0, 0])).toBe(21);
  expect(contrast(WHITE, [119, 119, 119])).toBeCloseTo(4.478, 3);
});

test.each(['#1f4fd8', '#ffe600', '#ff7f50', '#777777', '#000000', '#ffffff', '#00c2a8', '#e91e63'])(
  'text in and on %s can be read, by day and by night',
  color => {
    const { button, onButton, link, darkLink } = brandColors(color);
    expect(contrast(read(button), read(onButton))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(read(link), WHITE)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(read(link), PAGE)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(read(darkLink), DARK_CARD)).toBeGreaterThanOrEqual(4.5);
  },
);
