import { Type as TypeBox } from 'typebox';
import { expect, test } from 'vitest';
import { Type } from './json-schema.ts';

const build = (make: typeof TypeBox | typeof Type) => {
  const { Array, Boolean, Integer, Literal, Null, Number, Object, Optional, Record, String, Union, Unknown } =
    make as typeof Type;
  return [
    Object({}),
    Object(
      {
        a: String({ minLength: 1 }),
        b: Optional(Integer({ title: 'B' })),
        c: Array(Union([Null(), Literal('x'), Literal(1), Literal(true)]), { maxItems: 2 }),
        d: Optional(Record(String(), Unknown(), { description: 'D' })),
        e: Boolean(),
        f: Number({ minimum: 0 }),
      },
      { additionalProperties: false },
    ),
    Object({ only: Optional(String()) }, { $id: 'Only' }),
    Union([Object({ a: Unknown() }), Null()], { title: 'Either' }),
  ];
};

test('the schemas are those that TypeBox makes, to the order of their members', () => {
  expect(JSON.stringify(build(Type))).toBe(JSON.stringify(build(TypeBox)));
});
