/** Writes the pages of docs/ that list what the code has: errors, audit events, commands. `--check` only compares them. */
import type { Command } from 'commander';
import { eventTypes } from '../src/audit/event-type.ts';
import { operatorCommands } from '../src/operator-commands.ts';
import { problems } from '../src/platform/problems.ts';
import { keepUpToDate } from './generated.ts';

keepUpToDate(
  { 'docs/errors.md': errorsPage(), 'docs/events.md': eventsPage(), 'docs/commands.md': commandsPage() },
  'lists.ts',
);

function errorsPage(): string {
  const rows = Object.entries<{ status: number; message: string; oauth?: string }>(problems).map(
    ([code, { status, message, oauth }]) =>
      `| \`${code}\` | ${status} | ${message} | ${oauth === undefined ? '' : `\`${oauth}\``} |`,
  );
  return `# Errors

Every error is JSON (pages for people aside): \`{ "detail", "code", "message", "request_id" }\`. \`code\` is stable; \`message\` is for a
person, and often says more about the case than the one in the table; \`detail\` is the message, or on 422 a list of
\`{ "type", "loc", "msg" }\` in the words of FastAPI's validator. Some carry more, such as \`mfa_token\` or \`permission\`: the schema
\`Error\` in \`openapi.json\` lists these members. Endpoints that OAuth clients call add \`error\` and \`error_description\`; where the
table has no \`error\`, that is \`temporarily_unavailable\` for 503 and \`invalid_request\` for the rest. 401 and \`permission_denied\`
carry \`WWW-Authenticate\`, 429 and 503 carry \`Retry-After\`. A 500 is always a defect: please report it with its \`request_id\`.
The log line of the request, and of a page that was refused, has the code as \`problem\`.

What HTTP itself cannot take is \`malformed_request\` on every route, without \`error\`, and the connection is closed: 408 if the
request did not arrive in time, 431 if its headers are too large, 413 if its chunk extensions are, and 400 otherwise.

| code | status | message | \`error\` |
|---|---|---|---|
${rows.join('\n')}
`;
}

function eventsPage(): string {
  const rows = Object.entries(eventTypes).map(([type, meaning]) => `| \`${type}\` | ${meaning} |`);
  return `# Audit events

Every type of event that is written to the audit trail ([audit.md](audit.md)); \`GET /audit-events?type=\` and
\`npm run cli -- audit export --type\` take one of them.

| type | what it says |
|---|---|
${rows.join('\n')}
`;
}

function commandsPage(): string {
  const never = () => Promise.reject(new Error('the commands are only listed'));
  const program = operatorCommands(never, { signal: AbortSignal.abort(), before: () => {} });
  const rows = leavesOf(program)
    .map(({ path, command }) => rowOf(path, command))
    .sort();
  return `# Commands

What the operator runs as \`npm run cli -- …\`, or in a container as \`node src/cli.ts …\`, with the configuration of the service.
\`--help\` says the same of each. Exit codes: 0, and 1 where something was refused, went wrong or, as \`audit verify\` and
\`config check\` look for it, was found. \`npm run db -- …\` has a page of its own: [migrations.md](migrations.md).

| command | what it does | options |
|---|---|---|
${rows.join('\n')}
`;
}

function leavesOf(command: Command, path: readonly string[] = []): { path: string[]; command: Command }[] {
  return command.commands.flatMap(child => {
    const below = [...path, child.name()];
    return child.commands.length > 0 ? leavesOf(child, below) : [{ path: below, command: child }];
  });
}

function rowOf(path: readonly string[], command: Command): string {
  const places = command.registeredArguments.map(argument => {
    const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
    return argument.required ? name.toUpperCase() : `[${name.toUpperCase()}]`;
  });
  const options = command.options.map(({ flags, description }) => `\`${flags}\`: ${description}`);
  return `| \`${[...path, ...places].join(' ')}\` | ${cell(command.description())} | ${options.map(cell).join('<br>')} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
