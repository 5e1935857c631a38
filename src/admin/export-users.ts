import { operator, recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import { type ExportedUser, selectExported } from './queries.ts';

const PAGE = 1000;

/**
 * Every account as one JSON object a line, ordered by id, under the names that an import reads, password hashes
 * included. A complete export is recorded in the audit trail.
 */
export async function* exportUsers(deps: Deps): AsyncGenerator<string> {
  let accounts = 0;
  let page: ExportedUser[];
  let after: string | null = null;
  do {
    page = await selectExported(deps.db, { after, limit: PAGE });
    for (const user of page) yield `${JSON.stringify(user)}\n`;
    accounts += page.length;
    after = page.at(-1)?.id ?? after;
  } while (page.length === PAGE);
  await recordEvent(deps, deps.db, {
    type: 'users.exported',
    outcome: 'success',
    actor: operator,
    caller: null,
    data: { accounts },
  });
}
