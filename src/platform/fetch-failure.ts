/** Why a `fetch` failed: its own message says only that it did. The cause says why, by a code alone if several addresses failed. */
export function fetchFailure(error: unknown): string {
  const { message, cause } = error as Error;
  const { message: why, code } = (cause ?? {}) as { message?: string; code?: string };
  return why || code || message;
}
