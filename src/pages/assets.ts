import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../platform/config.ts';
import { brandStyle } from './brand-style.ts';

/** What the pages load, all of it from here. */
export type AssetName = 'pages.css' | 'pages.js' | 'passkeys.js' | 'brand.css';

export interface Asset {
  readonly type: string;
  readonly text: string;
}

const FOLDER = join(import.meta.dirname, 'assets');

/** Where a page finds an asset. */
export function assetPath(name: AssetName): string {
  return `/account/assets/${name}`;
}

/** The assets by name, read once: the style sheet, the colours of the brand, and the scripts. */
export function loadAssets({ brand }: Pick<Config, 'brand'>): ReadonlyMap<string, Asset> {
  const css = 'text/css; charset=utf-8';
  const script = 'text/javascript; charset=utf-8';
  const read = (name: AssetName) => readFileSync(join(FOLDER, name), 'utf8');
  return new Map<AssetName, Asset>([
    ['pages.css', { type: css, text: read('pages.css') }],
    ['brand.css', { type: css, text: brandStyle(brand.color) }],
    ['pages.js', { type: script, text: read('pages.js') }],
    ['passkeys.js', { type: script, text: read('passkeys.js') }],
  ]);
}
