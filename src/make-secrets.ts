import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Makes the secrets of a compose deployment once, in a folder that is then mounted read-only. Secrets that exist stay.
const NAMES = ['jwt_secret_key', 'auth_root_secret', 'db_password'];
const READER = 10001;

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node src/make-secrets.ts FOLDER\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
for (const name of NAMES) {
  const path = join(folder, name);
  if (existsSync(path)) continue;
  writeFileSync(`${path}.new`, randomBytes(48).toString('base64url'), { mode: 0o400 });
  if (process.getuid?.() === 0) chownSync(`${path}.new`, READER, READER);
  chmodSync(`${path}.new`, 0o400);
  renameSync(`${path}.new`, path);
  process.stdout.write(`made ${name}\n`);
}
