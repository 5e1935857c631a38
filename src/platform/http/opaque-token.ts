import { Type } from '../json-schema.ts';
import { optional } from './optional.ts';

/**
 * The most characters that a slot for an opaque token takes: as many as an access token can have that still fits among the
 * headers of a request. Somebody with hundreds of permissions has a long one.
 */
export const TOKEN_MAX = 16_000;

/**
 * The schema of a slot for an opaque token. It does not judge the token's form: one that is not ours, such as a JWT, gets the
 * route's own refusal, just as a spent token does.
 */
export const opaqueToken = (options: { readonly description?: string; readonly examples?: string[] } = {}) =>
  Type.String({ maxLength: TOKEN_MAX, ...options });

/** The same for a slot that may stay empty. */
export const optionalToken = (options: { readonly description?: string } = {}) =>
  optional(opaqueToken(options));
