import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configFolder, JWT } from '../../../test/support/config-folder.ts';
import { pem } from '../../../test/support/pem.ts';
import type { Config } from '../config.ts';

const { folder, load, faultsOf } = configFolder();
mkdirSync(join(folder, 'own files'));
for (const name of ['localhost.crt', 'localhost.key', 'renewed.key'])
  copyFileSync(pem(name), join(folder, 'own files', name));
writeFileSync(join(folder, 'no.pem'), 'not a certificate');

const SERVER = { DATABASE_URL: 'postgres://a@localhost/c', JWT_SECRET_KEY: JWT };
const URLS: [name: string, url: string, parameter: string, read: (config: Config) => string | null][] = [
  ['SMTP_URL', 'smtps://mail.example.com', 'ca', ({ mail }) => mail.smtpUrl],
  ['REDIS_URL', 'rediss+cluster://n1,n2:6380', 'ca', ({ redisUrl }) => redisUrl],
  ['DATABASE_URL', 'postgres://a@db/c', 'sslrootcert', ({ database }) => database.url],
  ['MIGRATE_DATABASE_URL', 'postgres://o@db/c', 'sslrootcert', ({ database }) => database.migrateUrl],
];

test.each(URLS)(
  '%s names a file from the folder of the program, or absolutely',
  (name, url, parameter, read) => {
    const named = (path: string) => read(load({ ...SERVER, [name]: `${url}?${parameter}=${path}` }).config);
    const absolute = encodeURIComponent(join(folder, 'own files/localhost.crt'));
    for (const path of ['own+files/localhost.crt', 'own%20files%2Flocalhost.crt'])
      expect(named(path)).toBe(`${url}?${parameter}=${absolute}`);
    expect(named(absolute)).toBe(`${url}?${parameter}=${absolute}`);
    expect(named('')).toBe(`${url}?${parameter}=`);
  },
);

test.each(URLS)(
  '%s with a file that is no authority is one fault, before anybody connects',
  (name, url, parameter) => {
    const faults = (path: string) => faultsOf({ ...SERVER, [name]: `${url}?${parameter}=${path}` });
    const at = (path: string) => `${name}, ${parameter}: ${join(folder, path)}`;
    expect(faults('nowhere.pem')).toEqual([
      `${at('nowhere.pem')} cannot be read. Check the path and its permissions.`,
    ]);
    expect(faults('no.pem')).toEqual([
      `${at('no.pem')} holds no certificate in PEM. Name the file of the authority.`,
    ]);
    expect(faults('own+files')).toEqual([`${at('own files')} is a folder. Name the PEM file in it.`]);
  },
);

test('a certificate of our own for the database must fit its key', () => {
  const faults = (cert: string, key: string) =>
    faultsOf({
      ...SERVER,
      DATABASE_URL: `postgres://a@db/c?sslcert=own+files/${cert}&sslkey=own+files/${key}`,
    });
  expect(faults('localhost.crt', 'localhost.key')).toEqual([]);
  expect(faults('localhost.crt', 'renewed.key')).toEqual([
    expect.stringMatching(
      /^DATABASE_URL, sslkey: .*renewed\.key is not the key of the certificate in DATABASE_URL, sslcert/,
    ),
  ]);
});

test('an authority for a line that is not encrypted is warned of', () => {
  const { warnings } = load({ REDIS_URL: 'redis://cache?ca=own+files/localhost.crt' });
  expect(warnings).toEqual([
    'REDIS_URL, ca is not used: redis:// does not encrypt. Write rediss:// where it should.',
  ]);
});
