import { Type } from '../json-schema.ts';
import { optional } from './optional.ts';

/** What a slot for an opaque token takes at most, in characters: more than any token of ours or a usual JWT has. */
export const TOKEN_MAX = 4096;

/**
 * The schema of a slot for an opaque token. It does not judge its form: what is no token of ours, a JWT say, gets the
 * route's own refusal, as a token that is spent does.
 */
export const opaqueToken = (options: { readonly description?: string } = {}) =>
  Type.String({ maxLength: TOKEN_MAX, ...options });

/** The same for a slot that may stay empty. */
export const optionalToken = (options: { readonly description?: string } = {}) =>
  optional(opaqueToken(options));
