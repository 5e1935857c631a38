import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configFolder, SERVER } from '../../../test/support/config-folder.ts';
import { loadDatabase } from './load.ts';

const { folder, dotenv } = configFolder();

describe('the database alone', () => {
  const database = (env: Record<string, string>) => loadDatabase({ env, folder });

  test('needs no secret but its own, whatever is wrong with the others', () => {
    dotenv('JWT_SECRET_KEY_FILE=/run/secrets/away\nAUTH_ROOT_SECRET=short\nSMTP_URL=nonsense\n');
    const { DB_HOST, DB_PASSWORD } = SERVER;
    expect(database({ DB_HOST, DB_PASSWORD })).toEqual({
      dataDir: join(folder, 'data'),
      database: {
        url: 'postgres://postgres:pw@localhost:5432/entrecore_auth',
        poolMax: 10,
        prepare: true,
        migrateOnStart: false,
        migrateUrl: null,
      },
    });
    expect(database({}).database.url).toBeNull();
  });

  test('is judged as ever', () => {
    const faults = (env: Record<string, string>) => () => database(env);
    expect(faults({ DB_HOST: 'db', DB_PASSWORD_FILE: 'nowhere' })).toThrow(
      /DB_PASSWORD_FILE names .*nowhere/,
    );
    expect(faults({ DATABASE_URL: 'mysql://db' })).toThrow('DATABASE_URL must look like postgres://');
    expect(faults({ DB_NAME: 'x' })).toThrow('DB_NAME set without DB_HOST');
    expect(faults({ DATA_DIR: '/dev/null' })).toThrow('DATA_DIR: /dev/null cannot be used');
    dotenv('DB_HSOT=db\n');
    expect(faults({})).toThrow('DB_HSOT in .env is unknown: did you mean DB_HOST?');
  });
});
