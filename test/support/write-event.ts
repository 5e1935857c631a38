import { recordEvent } from '../../src/audit/record.ts';
import type { Deps } from '../../src/platform/deps.ts';

/** Writes an event that concerns nobody into the trail. */
export function writeEvent(deps: Deps): Promise<void> {
  return recordEvent(deps, deps.db, {
    type: 'service.bootstrapped',
    outcome: 'success',
    actor: { kind: 'system' },
    caller: null,
  });
}
