import { expect, test } from 'vitest';
import { brandStyle, contrast } from './brand-style.ts';

const WHITE = [255, 255, 255] as const;
const DARK_CARD = [27, 32, 42] as const;

const read = (css: string, name: string) => {
  const [, text] = new RegExp(`--${name}:rgb\\((\\d+ \\d+ \\d+)\\)`).exec(css) ?? [];
  return (text ?? '').split(' ').map(Number) as unknown as readonly [number, number, number];
};

test('contrast is that of WCAG', () => {
  expect(contrast(WHITE, [0, 0, 0])).toBe(21);
  expect(contrast(WHITE, [119, 119, 119])).toBeCloseTo(4.478, 3);
});

test.each(['#1f4fd8', '#ffe600', '#ff7f50', '#777777', '#000000', '#ffffff', '#00c2a8', '#e91e63'])(
  'text in and on %s can be read, by day and by night',
  color => {
    const css = brandStyle(color);
    const [light = '', dark = ''] = css.split('@media');
    expect(contrast(read(css, 'brand'), read(css, 'on-brand'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(read(light, 'link'), WHITE)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(read(dark, 'link'), DARK_CARD)).toBeGreaterThanOrEqual(4.5);
  },
);
