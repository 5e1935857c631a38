/**
 * Loads at the first call and keeps the result, since importing again would go through the loader again. A failure is not kept:
 * while every descriptor of the process is in use nothing can be loaded, and that passes.
 */
export function loadOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));
}
