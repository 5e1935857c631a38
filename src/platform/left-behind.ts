const EVERY_MS = 100;

// Read as early as possible: npm may be gone before the service begins.
const parent = process.ppid;

/**
 * Calls `then` once, when the npm of `npm start` is gone: an npm that is killed passes no signal on, and would leave the service
 * running unseen, with its port and its data. A service that was started by other means may outlive its parent, as a daemon does.
 */
export function whenLeftBehind(then: () => void): void {
  if (process.env.npm_lifecycle_event !== 'start') return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    then();
  }, EVERY_MS);
  timer.unref();
}
