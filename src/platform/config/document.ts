import { type Name, sections, variableOf } from './table.ts';

/** `.env.example`: every variable with its meaning and default, every line commented out. */
export function envExample(): string {
  const lines = [
    '# Every variable of Entrecore Auth. All lines are comments: copying this file to .env changes nothing.',
    '# Secrets can also be read from a file: NAME_FILE=/run/secrets/name in place of NAME.',
    '# Made by "node scripts/env-example.ts"; do not edit.',
  ];
  for (const [section, table] of Object.entries(sections)) {
    lines.push('#', `# --- ${section} ---`);
    for (const name of Object.keys(table) as Name[]) {
      const { meaning, secret, fallbackText } = variableOf(name);
      lines.push('#', ...wrapped(meaning));
      if (secret) lines.push(`# Or the file that holds it: ${name}_FILE.`);
      if (fallbackText !== undefined) lines.push(...wrapped(`Default: ${fallbackText}.`));
      lines.push(`#${name}=${constantDefault(name) ?? ''}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The body of docs/configuration.md: one table for each section. */
export function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    'Every variable that configures the service. Variables come from the process environment and from a `.env` file beside',
    '`package.json`. The environment wins. Blanks around a value do not count, except in a secret. An empty value counts as unset,',
    'and so does `all`, `off` or `none` where that word is the default. Every secret (🔒) can also be read from the file that',
    '`NAME_FILE` names. Relative paths start at the folder of `package.json`, wherever the program is started from.',
    'The configuration is read once, at start; one message reports everything that is wrong with it.',
    '`npm run cli -- config check` prints the same, and the effective values with secrets masked.',
    '',
    '`node scripts/env-example.ts` makes this page and `.env.example` from `src/platform/config/variables/`.',
  ];
  for (const [section, table] of Object.entries(sections)) {
    lines.push('', `## ${section}`, '', '| variable | meaning | default |', '|---|---|---|');
    for (const name of Object.keys(table) as Name[]) {
      const { meaning, secret, fallbackText } = variableOf(name);
      const constant = constantDefault(name);
      const fallback = fallbackText ?? (constant === null ? 'none' : `\`${constant}\``);
      lines.push(`| \`${name}\`${secret ? ' 🔒' : ''} | ${cell(meaning)} | ${cell(fallback)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function constantDefault(name: Name): string | null {
  const { fallback } = variableOf(name);
  return typeof fallback === 'string' ? fallback : null;
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('*', '\\*');

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + word.length > 108 && line !== '#') {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
