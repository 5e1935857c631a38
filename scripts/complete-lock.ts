/**
 * Completes package-lock.json with the optional platform packages that the registry in use did not offer.
 *
 * npm leaves such a package out of the lock and `npm ci` then refuses the lock as out of step. An entry that names its
 * platform satisfies both: it is fetched only on that platform, from whichever registry serves it. Run after
 * `npm install`; `--check` only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const OS = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'openharmony',
  'win32',
  'aix',
  'netbsd',
  'openbsd',
  'sunos',
];
const CPU = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32', 'mips64el'];

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Entry> };
const added: string[] = [];
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (Object.keys(lock.packages).some(known => known === key || known.endsWith(`/${key}`))) continue;
    const words = name.split(/[-/]/);
    const os = OS.filter(word => words.includes(word));
    const cpu = CPU.filter(word => words.includes(word));
    if (os.length === 0 && cpu.length === 0)
      throw new Error(`${name} is missing from the lock and names no platform`);
    lock.packages[key] = {
      version,
      ...(cpu.length > 0 && { cpu }),
      ...(parent.dev === true && { dev: true }),
      ...(words.includes('musl') && { libc: ['musl'] }),
      optional: true,
      ...(os.length > 0 && { os }),
    };
    added.push(name);
  }
}
if (process.argv.includes('--check') && added.length > 0) {
  process.stderr.write(`package-lock.json lacks ${added.join(', ')}: run node scripts/complete-lock.ts\n`);
  process.exit(1);
}
const sorted = Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added.length} entries added\n`);
