const FORM = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Whether a value is a UUID as this program writes it (RFC 9562 §4), in lower case. */
export const isUuid = (value: unknown): value is string => typeof value === 'string' && FORM.test(value);

/** A UUID that somebody typed or sent, in any case, as this program writes it; null for anything else. */
export function readUuid(text: string): string | null {
  const lower = text.toLowerCase();
  return FORM.test(lower) ? lower : null;
}
