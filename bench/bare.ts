/** The ceilings: Fastify, alone and with one prepared join of two rows by their keys or update of one, with the bytes of /users/me. */
import { fastify } from 'fastify';
import pg from 'pg';
import { sessionId } from './people.ts';

const app = fastify();
const { DATABASE_URL, ANSWER, PORT } = process.env;
// One answer of the service, so that as many bytes go out.
const { headers, body } = JSON.parse(ANSWER ?? '{"headers":{},"body":{}}') as {
  headers: Record<string, string>;
  body: Record<string, unknown>;
};
const type = (value: unknown) =>
  Array.isArray(value)
    ? { type: 'array', items: { type: 'string' } }
    : { type: value === null ? 'null' : typeof value };
const properties = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, type(value)]));
const schema = { response: { 200: { type: 'object', properties } } };

app.get('/livez', () => ({ status: 'alive' }));
app.get('/bare', { schema }, (_request, reply) => reply.headers(headers).send(body));

if (DATABASE_URL !== undefined) {
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
  let turn = 0;
  app.get('/select', { schema }, async (_request, reply) => {
    const { rows } = await pool.query({
      name: 'me',
      text: 'select u.id, u.email, u.username, u.full_name, u.first_name, u.last_name, u.phone_number from sessions s join users u on u.id = s.user_id where s.id = $1::uuid',
      values: [sessionId(1 + (turn++ % 1000))],
    });
    return reply.headers(headers).send({ ...body, ...rows[0] });
  });
  app.get('/update', { schema }, async (_request, reply) => {
    const text = 'update bench_rows set n = n + 1 where id = $1';
    await pool.query({ name: 'update', text, values: [1 + (turn++ % 1000)] });
    return reply.headers(headers).send(body);
  });
}
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.on('SIGTERM', () => process.exit(0));
