import { readBounded } from '../platform/read-bounded.ts';

/** A provider that does not answer, or answers that it cannot. */
export class ProviderUnavailable extends Error {}

const TIMEOUT_MS = 5_000;
const LARGEST = 512 * 1024;

type Fetch = (url: string, options?: RequestInit) => Promise<Response>;

/**
 * `fetch` towards a provider: five seconds in all, at most 512 KiB, no redirects. Throws `ProviderUnavailable` for a
 * network error, a 5xx or 429, and a body that is late or too large.
 */
export const boundedFetch: Fetch = async (url, options = {}) => {
  try {
    const answer = await fetch(url, {
      ...options,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    });
    const body = await readBounded(answer, LARGEST);
    if (answer.status >= 500 || answer.status === 429) throw new Error(`it answered ${answer.status}`);
    const { status, headers } = answer;
    return new Response(body.length === 0 ? null : body, { status, headers });
  } catch (cause) {
    throw new ProviderUnavailable(`${new URL(url).origin} cannot be used`, { cause });
  }
};

/** The JSON object at a URL. Throws `ProviderUnavailable` also where the answer is something else. */
export async function fetchJson(url: string, options?: RequestInit): Promise<Record<string, unknown>> {
  return (await fetchAny(url, options)) as Record<string, unknown>;
}

/** As `fetchJson`, for lists too. */
export async function fetchAny(url: string, options?: RequestInit): Promise<object> {
  const answer = await boundedFetch(url, options);
  const value: unknown = answer.ok ? await answer.json().catch(() => null) : null;
  if (typeof value !== 'object' || value === null) {
    throw new ProviderUnavailable(`${new URL(url).origin} gave no usable answer (${answer.status})`);
  }
  return value;
}
