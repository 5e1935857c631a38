import { isAbsolute, resolve } from 'node:path';
import { faultsOfAuthority, faultsOfCertificate } from './certificate-files.ts';
import type { Judged } from './judged.ts';

type UrlName = 'DATABASE_URL' | 'MIGRATE_DATABASE_URL' | 'SMTP_URL' | 'REDIS_URL';

/** The same URL with the paths of its PEM files made absolute: like any other path, a relative one begins at `folder`. */
export function withAbsoluteFiles(url: string, folder: string): string {
  return url.replaceAll(
    /([?&](?:ca|sslrootcert|sslcert|sslkey)=)([^&#]+)/g,
    (whole, before: string, text: string) => {
      const path = new URLSearchParams(`path=${text}`).get('path') ?? '';
      return isAbsolute(path) ? whole : `${before}${encodeURIComponent(resolve(folder, path))}`;
    },
  );
}

/** Judges the PEM files that this URL names, before the program that connects reads them. */
export function judgeUrlFiles({ values, folder, fault }: Judged, name: UrlName): void {
  const url = values[name];
  if (typeof url !== 'string') return;
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1]);
  // Programs differ in which value they take of a parameter that is given twice; an empty one counts as none.
  const named = (parameter: string) =>
    query.getAll(parameter).flatMap(path => (path === '' ? [] : [resolve(folder, path)]));
  for (const parameter of ['ca', 'sslrootcert'])
    for (const path of named(parameter))
      for (const found of faultsOfAuthority(`${name}, ${parameter}`, path)) fault(found);
  const own = (parameter: string) => {
    const path = named(parameter).at(-1);
    return path === undefined ? null : { name: `${name}, ${parameter}`, path };
  };
  for (const found of faultsOfCertificate({ certificate: own('sslcert'), key: own('sslkey') })) fault(found);
}
