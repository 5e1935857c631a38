// Writes .env.example and docs/configuration.md from the table of variables; with --check it only compares them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage, envExample } from '../src/platform/config/document.ts';

const root = new URL('../', import.meta.url);
const files = { '.env.example': envExample(), 'docs/configuration.md': configurationPage() };
const check = process.argv.includes('--check');

const stale = Object.entries(files).filter(([name, text]) => text !== read(name));
if (!check) {
  mkdirSync(new URL('docs/', root), { recursive: true });
  for (const [name, text] of stale) writeFileSync(new URL(name, root), text);
} else if (stale.length > 0) {
  const names = stale.map(([name]) => name).join(' and ');
  process.stderr.write(`${names} not up to date: run "node scripts/env-example.ts".\n`);
  process.exitCode = 1;
}

function read(name: string): string | null {
  try {
    return readFileSync(fileURLToPath(new URL(name, root)), 'utf8');
  } catch {
    return null;
  }
}
