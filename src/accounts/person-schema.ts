import { Type } from '../platform/json-schema.ts';
import { NAME_MAX } from './person-name.ts';

/** A first or last name in a request; `personName` judges it in full. */
export const nameText = Type.String({ pattern: '\\S', maxLength: NAME_MAX });

/** The same where it may be empty: where the account has none, as `normalizeProfile` judges. */
export const lastNameSentBack = Type.String({ maxLength: NAME_MAX });

/** A mail address in a request, judged in full where it is normalized. */
export const addressText = Type.String({ maxLength: 320, format: 'idn-email' });

/** A phone number in a request, with or without its plus. */
export const phoneText = Type.String({ pattern: '^\\+?[0-9]{10,15}$' });
