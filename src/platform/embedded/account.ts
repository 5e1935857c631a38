import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The unprivileged user that runs the server when we are root, since PostgreSQL refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: Account = { uid: 65534, gid: 65534 };

/** Null when we are not root; else the account that owns the database's folder already, or `nobody`. */
export function serverAccount(folder: string): Account | null {
  if (process.getuid?.() !== 0) return null;
  const found = statSync(folder, { throwIfNoEntry: false });
  return found === undefined || found.uid === 0 ? nobody() : { uid: found.uid, gid: found.gid };
}

function nobody(): Account {
  try {
    const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
    return entry === null ? NOBODY : { uid: Number(entry[1]), gid: Number(entry[2]) };
  } catch {
    return NOBODY;
  }
}

/** Whether the account may pass through every folder down to this one, by their mode bits. */
export function canReach(folder: string, { uid, gid }: Account): boolean {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    const found = statSync(at);
    const mayPass = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
    if ((found.mode & mayPass) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
