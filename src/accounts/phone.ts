import { loadOnce } from '../platform/load-once.ts';
import { invalid } from '../platform/problems.ts';

const library = loadOnce(() => import('libphonenumber-js/min'));

const WRITTEN = /^\+?[0-9]{10,15}$/;

/**
 * A phone number in E.164 if it parses as an international one, else as it was written. Refuses with 422 on `phone_number`
 * anything but 10 to 15 digits with an optional plus.
 */
export async function normalizePhone(text: string): Promise<string> {
  const written = text.trim();
  if (!WRITTEN.test(written)) {
    throw invalid(
      'phone_number',
      'string_pattern_mismatch',
      'Write 10 to 15 digits, with a plus and the country code in front.',
    );
  }
  const { parsePhoneNumberFromString } = await library();
  return parsePhoneNumberFromString(written)?.number ?? written;
}
