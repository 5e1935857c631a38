import type { ProviderKind } from '../federation/provider.ts';
import { type Html, trusted } from './html.ts';

/** A fingerprint's key, for passkeys. */
export const passkeyIcon = line('<circle cx="6" cy="10" r="4.2"/><path d="M10.2 10H19v4M15 10v3"/>');

/** An envelope, for what is mailed. */
export const mailIcon = line(
  '<rect x="2" y="4" width="16" height="12" rx="2"/><path d="m2.8 5.8 7.2 5.4 7.2-5.4"/>',
);

const FACES: Readonly<Record<ProviderKind, Html>> = {
  google: face(
    18,
    '<path fill="#4285f4" d="M17.64 9.2c0-.637-.057-1.251-.164-1.84H9v3.481h4.844c-.209 1.125-.843 2.078-1.796 2.717v2.258h2.908c1.702-1.567 2.684-3.874 2.684-6.615z"/><path fill="#34a853" d="M9 18c2.43 0 4.467-.806 5.956-2.18l-2.908-2.259c-.806.54-1.837.86-3.048.86-2.344 0-4.328-1.584-5.036-3.711H.957v2.332A8.997 8.997 0 0 0 9 18z"/><path fill="#fbbc05" d="M3.964 10.71A5.41 5.41 0 0 1 3.682 9c0-.593.102-1.17.282-1.71V4.958H.957A8.996 8.996 0 0 0 0 9c0 1.452.348 2.827.957 4.042l3.007-2.332z"/><path fill="#ea4335" d="M9 3.58c1.321 0 2.508.454 3.44 1.345l2.582-2.58C13.463.891 11.426 0 9 0A8.997 8.997 0 0 0 .957 4.958L3.964 7.29C4.672 5.163 6.656 3.58 9 3.58z"/>',
  ),
  microsoft: face(
    18,
    '<path fill="#f25022" d="M0 0h8.5v8.5H0z"/><path fill="#7fba00" d="M9.5 0H18v8.5H9.5z"/><path fill="#00a4ef" d="M0 9.5h8.5V18H0z"/><path fill="#ffb900" d="M9.5 9.5H18V18H9.5z"/>',
  ),
  github: face(
    16,
    '<path fill="currentColor" d="M8 0C3.58 0 0 3.58 0 8c0 3.54 2.29 6.53 5.47 7.59.4.07.55-.17.55-.38 0-.19-.01-.82-.01-1.49-2.01.37-2.53-.49-2.69-.94-.09-.23-.48-.94-.82-1.13-.28-.15-.68-.52-.01-.53.63-.01 1.08.58 1.23.82.72 1.21 1.87.87 2.33.66.07-.52.28-.87.51-1.07-1.78-.2-3.64-.89-3.64-3.95 0-.87.31-1.59.82-2.15-.08-.2-.36-1.02.08-2.12 0 0 .67-.21 2.2.82.64-.18 1.32-.27 2-.27.68 0 1.36.09 2 .27 1.53-1.04 2.2-.82 2.2-.82.44 1.1.16 1.92.08 2.12.51.56.82 1.27.82 2.15 0 3.07-1.87 3.75-3.65 3.95.29.25.54.73.54 1.48 0 1.07-.01 1.93-.01 2.2 0 .21.15.46.55.38A8.012 8.012 0 0 0 16 8c0-4.42-3.58-8-8-8z"/>',
  ),
  apple: face(
    16,
    '<path fill="currentColor" d="M11.182.008C11.148-.03 9.923.023 8.857 1.18c-1.066 1.156-.902 2.482-.878 2.516s1.52.087 2.475-1.258.762-2.391.728-2.43m3.314 11.733c-.048-.096-2.325-1.234-2.113-3.422s1.675-2.789 1.698-2.854-.597-.79-1.254-1.157a3.7 3.7 0 0 0-1.563-.434c-.108-.003-.483-.095-1.254.116-.508.139-1.653.589-1.968.607-.316.018-1.256-.522-2.267-.665-.647-.125-1.333.131-1.824.328-.49.196-1.422.754-2.074 2.237-.652 1.482-.311 3.83-.067 4.56s.625 1.924 1.273 2.796c.576.984 1.34 1.667 1.659 1.899s1.219.386 1.843.067c.502-.308 1.408-.485 1.766-.472.357.013 1.061.154 1.782.539.571.197 1.111.115 1.652-.105.541-.221 1.324-1.059 2.238-2.758q.52-1.185.473-1.282"/>',
  ),
  oidc: line('<rect x="3" y="9" width="14" height="9" rx="2"/><path d="M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9"/>'),
};

/** The mark of a provider; a lock for one that has none of ours. */
export function providerIcon(kind: ProviderKind): Html {
  return FACES[kind];
}

/** The mark of the brand for the browser's tab: its initial on its colour. */
export function tabIcon({
  initial,
  ground,
  ink,
}: Readonly<Record<'initial' | 'ground' | 'ink', string>>): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${ground}"/><text x="16" y="22.5" font-family="system-ui,sans-serif" font-size="19" font-weight="700" text-anchor="middle" fill="${ink}">${initial}</text></svg>`;
}

function line(paths: string): Html {
  return face(
    20,
    `<g fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${paths}</g>`,
  );
}

function face(size: number, paths: string): Html {
  return trusted(
    `<svg class="icon" width="18" height="18" viewBox="0 0 ${size} ${size}" aria-hidden="true" focusable="false">${paths}</svg>`,
  );
}
