// Imported before everything else (`node --import`): stops with a clear text under a Node.js that cannot run this
// program, and where its packages are not installed. Plain JavaScript that Node.js 12 still parses, since older ones cannot read TypeScript at all.
import { existsSync } from 'fs';
import module from 'module';
import { fileURLToPath } from 'url';

const NEEDED = 26;
const found = process.versions.node;

if (Number(found.split('.')[0]) < NEEDED) {
  process.stderr.write(
    [
      `Entrecore Auth needs Node.js ${NEEDED} or later, and this is Node.js ${found} (${process.execPath}).`,
      '',
      'npm installs the right one beside the project, as an optional dependency, and runs this program with it: npm start,',
      'npm run cli, npm run db, npm test. If npm finds this one all the same, either:',
      '  npm ci --include=optional     or',
      `  install Node.js ${NEEDED}            where there is no package for this system, from https://nodejs.org`,
      '',
    ].join('\n'),
  );
  process.exit(1);
}

// They may also lie further up, in the folder of a workspace.
if (!existsSync(new URL('../../node_modules/fastify', import.meta.url))) {
  try {
    module.createRequire(import.meta.url).resolve('fastify');
  } catch {
    const folder = fileURLToPath(new URL('../..', import.meta.url));
    process.stderr.write(`The packages of Entrecore Auth are not installed. Run "npm ci" in ${folder} first.\n`);
    process.exit(1);
  }
}

// Our own modules are all imported by their whole path, so Node.js need not search for what could be meant. That saves a tenth of
// a start, as this runs before the first of them is imported.
const OURS = new URL('../', import.meta.url).href;
module.registerHooks({
  resolve(specifier, context, next) {
    const whole = specifier.startsWith('.') && specifier.endsWith('.ts');
    if (!whole || context.parentURL === undefined || !context.parentURL.startsWith(OURS)) {
      return next(specifier, context);
    }
    const { href } = new URL(specifier, context.parentURL);
    return { url: href, format: 'module-typescript', shortCircuit: true };
  },
});

// Keeps compiled code beside the packages, where only whoever installs them may write, and not in Node.js's default, the folder
// for temporary files, which is everybody's. Where it cannot be written, or NODE_COMPILE_CACHE names another folder, nothing
// happens.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  module.enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));
}
