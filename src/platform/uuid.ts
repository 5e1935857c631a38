const FORM = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Whether a value is a UUID as this program writes it (RFC 9562 §4), in lower case. */
export const isUuid = (value: unknown): value is string => typeof value === 'string' && FORM.test(value);

/** A UUID that somebody typed or sent, in any case, as this program writes it; null for anything else. */
export function readUuid(text: string): string | null {
  const lower = text.toLowerCase();
  return FORM.test(lower) ? lower : null;
}

/** The sixteen bytes of a UUID as this program writes it. */
export function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** The UUID whose sixteen bytes begin at a place. */
export function uuidAt(bytes: Buffer, at = 0): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
