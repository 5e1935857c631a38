import { brandColors } from '../delivery/brand-color.ts';

/** The colours of the brand as custom properties. */
export function brandStyle(color: string): string {
  const { button, onButton, link, darkLink } = brandColors(color);
  return `:root{--brand:${button};--on-brand:${onButton};--link:${link}}
@media(prefers-color-scheme:dark){:root{--link:${darkLink}}}
`;
}
