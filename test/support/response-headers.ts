import type { Ajv2020 } from 'ajv/dist/2020.js';
import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';

type Json = Record<string, unknown>;
type Sent = LightMyRequestResponse['headers'];

// What any answer may carry without the document saying so: HTTP itself, what browsers are told for safety, and CORS.
const PLAIN = new Set([
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
  'vary',
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'access-control-allow-credentials',
  'access-control-allow-origin',
  'access-control-expose-headers',
]);

/** The header that stands at a place of the document, which may only name a component. */
export function headerAt(document: Json, header: Json): Json {
  if (typeof header.$ref !== 'string') return header;
  const { headers } = document.components as { headers: Record<string, Json> };
  return headers[header.$ref.split('/').at(-1) ?? ''] ?? {};
}

/** Fails the test when an answer has a header that is not declared, lacks one that is needed, or has one of another shape. */
export function headerJudge(ajv: Ajv2020, document: Json) {
  return (name: string, declared: Readonly<Record<string, Json>>, sent: Sent): void => {
    const known = new Map(
      Object.entries(declared).map(([each, header]) => [each.toLowerCase(), headerAt(document, header)]),
    );
    const more = Object.keys(sent).filter(each => !known.has(each) && !PLAIN.has(each));
    expect(more, `${name} sends headers that are not declared`).toEqual([]);
    for (const [each, { required, schema }] of known) {
      const values = [sent[each] ?? []].flat();
      if (required === true) expect(values, `${name} needs ${each}`).toHaveLength(1);
      for (const value of values) {
        const typed = (schema as Json).type === 'integer' ? Number(value) : value;
        expect(ajv.validate(schema as Json, typed), `${name} ${each}: ${value}`).toBe(true);
      }
    }
  };
}
