import { Type } from '../json-schema.ts';
import { optional } from './optional.ts';

/** The most characters that a slot for an opaque token takes: more than any token of ours or a usual JWT has. */
export const TOKEN_MAX = 4096;

/**
 * The schema of a slot for an opaque token. It does not judge the token's form: one that is not ours, such as a JWT, gets the
 * route's own refusal, just as a spent token does.
 */
export const opaqueToken = (options: { readonly description?: string; readonly examples?: string[] } = {}) =>
  Type.String({ maxLength: TOKEN_MAX, ...options });

/** The same for a slot that may stay empty. */
export const optionalToken = (options: { readonly description?: string } = {}) =>
  optional(opaqueToken(options));
