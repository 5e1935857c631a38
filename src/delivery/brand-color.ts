type Rgb = readonly [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
const INK: Rgb = [17, 22, 31];
/** The least favourable backgrounds of links, by day and by night. */
const PAGE: Rgb = [244, 245, 248];
const DARK_CARD: Rgb = [27, 32, 42];
/** WCAG 2.2, 1.4.3 (AA). */
const READABLE = 4.5;

/**
 * The colours of a brand, as CSS: a button with a text that can be read on it, and links that can be read by day and by
 * night, whatever the colour was (WCAG 2.2, 1.4.3).
 */
export function brandColors(
  color: string,
): Readonly<Record<'button' | 'onButton' | 'link' | 'darkLink', string>> {
  const brand = parse(color);
  const onButton =
    contrast(brand, WHITE) >= READABLE || contrast(brand, WHITE) >= contrast(brand, INK) ? WHITE : INK;
  // On a middling colour neither text is readable: it is darkened for white.
  const button = onButton === WHITE ? readable(brand, WHITE, BLACK) : brand;
  return {
    button: css(button),
    onButton: css(onButton),
    link: css(readable(brand, PAGE, BLACK)),
    darkLink: css(readable(brand, DARK_CARD, WHITE)),
  };
}

/** The colour, moved towards another in steps until it can be read on `ground`. */
function readable(color: Rgb, ground: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = color.map((part, at) => Math.round(part + ((towards[at] ?? 0) - part) * share));
    if (contrast(mixed as unknown as Rgb, ground) >= READABLE) return mixed as unknown as Rgb;
  }
  return towards;
}

/** WCAG 2.2 contrast ratio, from 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map(part => {
    const channel = part / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function parse(color: string): Rgb {
  const at = (start: number) => Number.parseInt(color.slice(start, start + 2), 16);
  return [at(1), at(3), at(5)];
}

// In hexadecimal, because mail programs know nothing newer.
const css = (color: Rgb) => `#${color.map(part => part.toString(16).padStart(2, '0')).join('')}`;
