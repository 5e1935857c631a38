import type { Given } from './sources.ts';
import { type Name, sections, variableOf } from './table.ts';

/**
 * The effective value of every variable, by section: `NAME=value  (source)`. Secrets are masked. A value that cannot be used
 * is not shown: it may be a secret in the wrong place.
 */
export function describeValues(
  effective: ReadonlyMap<Name, Given>,
  useless: ReadonlySet<Name> = new Set(),
): string {
  const lines: string[] = [];
  for (const [section, table] of Object.entries(sections)) {
    lines.push('', `# ${section}`);
    for (const name of Object.keys(table) as Name[]) {
      const given = effective.get(name);
      if (useless.has(name)) {
        lines.push(`${name}  (cannot be used${given === undefined ? '' : `: ${SOURCES[given.source]}`})`);
      } else if (given === undefined) {
        lines.push(`${name}  (not set: ${variableOf(name).fallbackText ?? 'none'})`);
      } else {
        lines.push(`${name}=${shown(name, given.text)}  (${SOURCES[given.source]})`);
      }
    }
  }
  return lines.slice(1).join('\n');
}

const SOURCES: Readonly<Record<Given['source'], string>> = {
  environment: 'environment',
  '.env': '.env',
  file: 'its _FILE',
  default: 'default',
};

function shown(name: Name, text: string): string {
  // A default may derive from a URL that is refused for the password in it.
  if (!variableOf(name).secret) return text.replace(/:\/\/[^/@\s]*@/g, '://***@');
  if (!name.endsWith('_URL')) return text === '[]' ? text : '***';
  // The host of a secret URL is worth seeing; its user, password and query are not, nor is what alone admits to a webhook: its path.
  const url = /^([a-z+]+:\/\/)([^@/]*@)?([^@/?]*)([^@?]*)(\?.*)?$/.exec(text);
  if (url === null) return '***';
  const [, scheme = '', user, host = '', path = '', query] = url;
  const told = /^https?:/.test(scheme) && path.length > 1 ? '/***' : path;
  return `${scheme}${user ? '***@' : ''}${host}${told}${query ? '?***' : ''}`;
}
