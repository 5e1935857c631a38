const EVERY_MS = 100;

// As early as can be: npm may be gone before the service begins.
const parent = process.ppid;

/**
 * Calls back once, when the npm of `npm start` is gone: killed, it hands nothing on, and would leave the service behind unseen,
 * with its port and its data. Who is started by other means may outlive that, as a daemon does.
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
