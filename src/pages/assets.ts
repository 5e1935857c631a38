import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brandColors } from '../delivery/brand-color.ts';
import { escapeHtml } from '../delivery/layout.ts';
import { brandOf } from '../delivery/render.ts';
import type { Config } from '../platform/config.ts';
import { brandStyle } from './brand-style.ts';
import { tabIcon } from './icons.ts';

/** What the pages load, all of it from here. */
export type AssetName = 'pages.css' | 'pages.js' | 'passkeys.js' | 'brand.css' | 'icon.svg';

export interface Asset {
  readonly type: string;
  readonly text: string;
}

const FOLDER = join(import.meta.dirname, 'assets');

/** Where a page finds an asset. */
export function assetPath(name: AssetName): string {
  return `/account/assets/${name}`;
}

/** What stands for a brand where its name does not fit. */
export function initialOf(name: string): string {
  return (Array.from(name)[0] ?? '').toUpperCase();
}

/** The assets by name, read once: the style sheet, the colours of the brand, and the scripts. */
export function loadAssets(config: Pick<Config, 'brand' | 'mail'>): ReadonlyMap<string, Asset> {
  const { brand } = config;
  const { button, onButton } = brandColors(brand.color);
  const initial = escapeHtml(initialOf(brandOf(config)));
  const css = 'text/css; charset=utf-8';
  const script = 'text/javascript; charset=utf-8';
  const read = (name: AssetName) => readFileSync(join(FOLDER, name), 'utf8');
  return new Map<AssetName, Asset>([
    ['pages.css', { type: css, text: read('pages.css') }],
    ['brand.css', { type: css, text: brandStyle(brand.color) }],
    ['icon.svg', { type: 'image/svg+xml', text: tabIcon({ initial, ground: button, ink: onButton }) }],
    ['pages.js', { type: script, text: read('pages.js') }],
    ['passkeys.js', { type: script, text: read('passkeys.js') }],
  ]);
}
