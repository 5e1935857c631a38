// Loaded into a service that is measured without its audit trail (`--import`): no event is made, sealed or written.
import { registerHooks } from 'node:module';

const RECORD = new URL('../src/audit/record.ts', import.meta.url).href;
const SQL = new URL('../src/platform/sql.ts', import.meta.url).href;

registerHooks({
  load(url, context, next) {
    if (url !== RECORD) return next(url, context);
    const source = `
      import { sql } from '${SQL}';
      export const anonymous = { kind: 'anonymous' };
      export const system = { kind: 'system' };
      export const operator = { kind: 'operator' };
      export const recordEvent = async () => {};
      export const recordEvents = async () => {};
      export const prepareEvent = async () => null;
      export const insertEvent = () => sql\`event as (select where false)\`;
      export const insertEventsOf = insertEvent;`;
    return { source, format: 'module', shortCircuit: true };
  },
});
