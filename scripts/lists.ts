/** Writes docs/errors.md from the table of problems; `--check` only compares, and fails when it is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { problems } from '../src/platform/problems.ts';

const path = new URL('../docs/errors.md', import.meta.url);
const rows = Object.entries<{ status: number; message: string; oauth?: string }>(problems).map(
  ([code, { status, message, oauth }]) =>
    `| \`${code}\` | ${status} | ${message} | ${oauth === undefined ? '' : `\`${oauth}\``} |`,
);
const text = `# Errors

Every error is JSON: \`{ "detail", "code", "message", "request_id" }\`. \`code\` is stable; \`message\` is for a person; \`detail\` is the
message, or on 422 a list of \`{ "type", "loc", "msg" }\`. Endpoints that OAuth clients call add \`error\` and \`error_description\`.
401 carries \`WWW-Authenticate\`, 429 and 503 carry \`Retry-After\`. A 500 is always a defect: please report it with its \`request_id\`.

| code | status | message | \`error\` |
|---|---|---|---|
${rows.join('\n')}
`;
if (!process.argv.includes('--check')) {
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/errors.md is out of date: run node scripts/errors.ts\n');
  process.exit(1);
}
