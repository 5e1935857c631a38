// The worker of this process, keyed by the database whose outbox it empties: code that enqueues knows only the database.
const workers = new WeakMap<object, () => void>();

/** Tells the worker of this process, where there is one, that a commit may bring it work. Costs no query by itself. */
export function wakeDelivery(db: object): void {
  workers.get(db)?.();
}

/** Registers the worker that `wakeDelivery` wakes; the returned function unregisters it. */
export function onWake(db: object, wake: () => void): () => void {
  workers.set(db, wake);
  return () => {
    if (workers.get(db) === wake) workers.delete(db);
  };
}
