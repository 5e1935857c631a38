import { isUtf8 } from 'node:buffer';
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../problems.ts';
import { isStorable } from '../storable.ts';

/** The largest body that a route takes unless it says otherwise, in bytes. */
export const BODY_LIMIT = 64 * 1024;

/**
 * Reads JSON bodies: UTF-8 only, no `__proto__`, no member twice in one object, no U+0000 and no lone surrogate, which
 * PostgreSQL could not store. An empty body counts as none, whatever its media type. Other media types are refused with
 * `unsupported_media_type`.
 */
export function readJsonBodies(app: FastifyInstance): void {
  // Many clients send a media type with every POST, even where there is no body: `curl -d ''`.
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    const length = headers['content-length'];
    if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0'))
      delete headers['content-type'];
    done();
  });
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    const charset = /charset=["']?([^"';\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
    if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
      return done(new Problem('unsupported_media_type', { message: 'Send the body in UTF-8.' }));
    }
    if (!isUtf8(body as Buffer))
      return done(new Problem('malformed_request', { message: 'The body is not valid UTF-8.' }));
    const text = body.toString();
    void parse(request, text, (error: Error | null, value?: unknown) => {
      if (error)
        return done(
          new Problem('malformed_request', { message: 'The body is not valid JSON.', cause: error }),
        );
      if (countColons(text) !== countMembers(value))
        return done(
          new Problem('malformed_request', { message: 'The body has a member twice in one object.' }),
        );
      if (text.includes('\\u')) {
        const loc = findUnstorable(value);
        if (loc !== null) return done(unstorable(loc));
      }
      done(null, value);
    });
  });
}

// Some clients send `{}` or `null` where there is nothing to say.
const NOTHING = { type: ['object', 'null'], additionalProperties: false } as const;

/**
 * Gives each API route that declares no body the schema of an empty one, so that a member which the route would not read is
 * refused by name. Runs after the hook that documents the routes, as callers should not send such a body.
 */
export function refuseUnreadBodies(app: FastifyInstance): void {
  app.addHook('onRoute', route => {
    if (
      BODILESS.has(String(route.method)) ||
      route.config?.hidden === true ||
      route.schema?.body !== undefined
    )
      return;
    route.schema = { ...route.schema, body: NOTHING };
  });
}

const BODILESS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Also reads `application/x-www-form-urlencoded`, within the plugin that calls it: for OAuth's endpoints. A missing body
 * counts as a form without parameters, as many clients send nothing at all for one.
 */
export async function readFormBodies(app: FastifyInstance): Promise<void> {
  await app.register(formbody, { bodyLimit: BODY_LIMIT, parser: parseForm });
  app.addHook('preValidation', async request => {
    if (request.body === undefined && request.routeOptions.schema?.body !== undefined) request.body = {};
  });
}

/**
 * Also reads the text fields of `multipart/form-data` (RFC 7578), within the plugin that calls it: FastAPI took it wherever it
 * takes a form, and it is what a browser makes of `FormData`.
 */
export function readMultipartBodies(app: FastifyInstance): void {
  app.addContentTypeParser(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async ({ headers }: FastifyRequest, body: Buffer) => {
      if (body.length === 0) return;
      if (!isUtf8(body)) throw malformedForm('The form is not valid UTF-8.');
      // Node's own parser, which is loaded when the first such form comes.
      const whole = new Response(body, { headers: { 'content-type': headers['content-type'] as string } });
      const fields = await whole.formData().catch((cause: unknown) => {
        throw malformedForm('The body is not valid multipart/form-data.', cause);
      });
      return formOf(fields);
    },
  );
}

const malformedForm = (message: string, cause?: unknown) =>
  new Problem('malformed_request', { message, cause });

/** The parameters of an OAuth request that have a value: one without a value is treated as omitted (RFC 6749 §3.2). */
export function withValues<Parameters extends Readonly<Record<string, unknown>>>(
  parameters: Parameters,
): { [Name in keyof Parameters]?: Exclude<Parameters[Name], null> } {
  const entries = Object.entries(parameters).filter(([, value]) => value !== '' && value !== null);
  return Object.fromEntries(entries) as { [Name in keyof Parameters]?: Exclude<Parameters[Name], null> };
}

function parseForm(text: string): Record<string, string> {
  let pairs: URLSearchParams;
  try {
    decodeURIComponent(text.replaceAll('+', ' '));
    // Bytes that are not UTF-8 have become U+FFFD. A client that means this character sends %EF%BF%BD.
    if (text.includes('\uFFFD')) throw new TypeError('not UTF-8');
    pairs = new URLSearchParams(text);
  } catch (cause) {
    throw malformedForm('The form is not valid UTF-8.', cause);
  }
  return formOf(pairs);
}

function formOf(pairs: Iterable<[name: string, value: unknown]>): Record<string, string> {
  const form: Record<string, string> = {};
  for (const [name, value] of pairs) {
    // RFC 6749 §3.2: parameters must not be included more than once.
    if (Object.hasOwn(form, name)) throw malformedForm(`The parameter ${name.slice(0, 40)} is sent twice.`);
    if (typeof value !== 'string')
      throw malformedForm(`The parameter ${name.slice(0, 40)} is a file. Send it as text.`);
    if (value.includes('\0')) throw unstorable(['body', name]);
    Object.defineProperty(form, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return form;
}

// If a member is sent twice, the parser keeps the last, while a proxy before us may have judged the first (RFC 8259 §4). Each
// member has one colon outside of strings: if there are more colons than members, one was lost.
function countColons(json: string): number {
  let count = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === COLON) count++;
    else if (code === QUOTE) {
      for (at++; json.charCodeAt(at) !== QUOTE; at++) if (json.charCodeAt(at) === BACKSLASH) at++;
    }
  }
  return count;
}

const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

// No recursion: a body can be nested deeper than the stack allows.
function countMembers(body: unknown): number {
  let count = 0;
  const left = [body];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== 'object' || value === null) continue;
    const isList = Array.isArray(value);
    const members = isList ? value : Object.values(value);
    if (!isList) count += members.length;
    for (const member of members) if (typeof member === 'object') left.push(member);
  }
  return count;
}

// Where in a body the first string is that cannot be stored. Keeps a list of what is left to look at, as a body can be nested
// too deep for recursion.
function findUnstorable(body: unknown): (string | number)[] | null {
  const left: Place[] = [{ value: body, key: 'body', parent: null }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const { value } = place;
    if (typeof value === 'string' && !isStorable(value)) return locOf(place);
    if (typeof value !== 'object' || value === null) continue;
    // The last of the list is looked at next.
    for (const [key, member] of Object.entries(value).reverse()) {
      if (!isStorable(key)) return locOf(place);
      left.push({ value: member, key: Array.isArray(value) ? Number(key) : key, parent: place });
    }
  }
  return null;
}

interface Place {
  readonly value: unknown;
  readonly key: string | number;
  readonly parent: Place | null;
}

const LONGEST_LOC = 20;

function locOf(place: Place): (string | number)[] {
  const loc: (string | number)[] = [];
  for (let at: Place | null = place; at !== null; at = at.parent) loc.push(at.key);
  return loc.reverse().slice(0, LONGEST_LOC);
}

/** A 422 about a string with U+0000 or half a surrogate pair. */
export function unstorable(loc: readonly (string | number)[]): Problem {
  return new Problem('validation_failed', {
    issues: [{ type: 'string_unicode', loc, msg: 'Input should be valid Unicode text without U+0000' }],
  });
}
