/** The load, in a process of its own: raw keep-alive sockets, since a full HTTP client would cost more than the server. */
import { connect, type Socket } from 'node:net';
import { request } from './people.ts';

/** What to send. */
export interface Job {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Whole requests, taken in turns. */
  readonly requests: readonly string[];
  /** Stop when each was sent once. */
  readonly once?: boolean;
  /** Each answer to a refresh is refreshed again, after all the other requests. */
  readonly chain?: boolean;
  /** Each answer to step 1 of a sign-up is followed by step 2 with this password. */
  readonly signup?: string;
  /** Requests a second at fixed times, whether or not answers come; latency counts from when one was due. */
  readonly rate?: number;
}

export interface Outcome {
  readonly count: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Answers by status; 0: no answer. */
  readonly statuses: Record<string, number>;
  /** The slowest answer of each status, in milliseconds. */
  readonly slowest: Record<string, number>;
}

interface Line {
  send(request: string, dueAt: number): void;
  close(): void;
}

type OnAnswer = (line: Line, status: number, body: string) => void;

async function run(job: Job): Promise<Outcome> {
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const slowest: Record<string, number> = {};
  const started = performance.now();
  let last = started;
  const note = (status: number, dueAt: number) => {
    last = performance.now();
    latencies.push(last - dueAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
    slowest[status] = Math.max(slowest[status] ?? 0, last - dueAt);
  };
  await (job.rate === undefined ? closedLoop(job, note) : openLoop(job, job.rate, note));
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const took = (last - started) / 1000;
  const perSecond = latencies.length / took;
  return { count: latencies.length, perSecond, p50: at(0.5), p99: at(0.99), max: at(1), statuses, slowest };
}

async function closedLoop(job: Job, note: (status: number, dueAt: number) => void): Promise<void> {
  const until = performance.now() + job.seconds * 1000;
  let next = 0;
  const requests = [...job.requests];
  const take = () => (job.once && next >= requests.length ? undefined : requests[next++ % requests.length]);
  const lines: Line[] = [];
  let open = job.connections;
  await new Promise<void>(finish => {
    const done = () => --open === 0 && finish();
    const onAnswer: OnAnswer = (line, status, body) => {
      if (job.chain && status === 200) requests.push(refreshAgain(body));
      const following = (status === 200 ? secondStep(job, body) : undefined) ?? take();
      if (following === undefined || performance.now() >= until) done();
      else line.send(following, performance.now());
    };
    for (let index = 0; index < job.connections; index++) {
      const line = openLine(job.port, note, onAnswer);
      lines.push(line);
      const first = take();
      if (first === undefined) done();
      else line.send(first, performance.now());
    }
  });
  for (const line of lines) line.close();
}

async function openLoop(
  job: Job,
  rate: number,
  note: (status: number, dueAt: number) => void,
): Promise<void> {
  const total = Math.round(rate * job.seconds);
  const idle: Line[] = [];
  const lines: Line[] = [];
  let answered = 0;
  await new Promise<void>(finish => {
    const end = () => {
      clearInterval(timer);
      clearTimeout(patience);
      finish();
    };
    const onAnswer: OnAnswer = line => {
      idle.push(line);
      if (++answered === total) end();
    };
    const startedAt = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      while (sent < total) {
        const dueAt = startedAt + (sent * 1000) / rate;
        if (dueAt > performance.now()) return;
        let line = idle.pop();
        if (line === undefined) lines.push((line = openLine(job.port, note, onAnswer)));
        line.send(job.requests[sent++ % job.requests.length] as string, dueAt);
      }
    }, 1);
    const patience = setTimeout(
      () => {
        for (let missing = answered; missing < total; missing++) note(0, startedAt + (missing * 1000) / rate);
        end();
      },
      job.seconds * 1000 + 30_000,
    );
  });
  for (const line of lines) line.close();
}

function openLine(port: number, note: (status: number, dueAt: number) => void, onAnswer: OnAnswer): Line {
  let pending = '';
  let due = 0;
  let waiting = false;
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const line: Line = {
    send(request, dueAt) {
      due = dueAt;
      waiting = true;
      socket.write(request, 'latin1');
    },
    close: () => socket.destroy(),
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    pending = pending === '' ? chunk : pending + chunk;
    const end = pending.indexOf('\r\n\r\n');
    if (end === -1) return;
    const at = pending.indexOf('content-length: ');
    const length = at === -1 || at > end ? 0 : Number.parseInt(pending.slice(at + 16, at + 26), 10);
    if (pending.length < end + 4 + length) return;
    const body = pending.slice(end + 4, end + 4 + length);
    const status = Number(pending.slice(9, 12));
    pending = '';
    waiting = false;
    note(status, due);
    onAnswer(line, status, body);
  });
  const lost = () => {
    if (!waiting) return;
    waiting = false;
    note(0, due);
    onAnswer(line, 0, '');
  };
  socket.on('error', lost);
  socket.on('close', lost);
  return line;
}

function refreshAgain(body: string): string {
  const { refresh_token } = JSON.parse(body) as { refresh_token: string };
  return request('POST', '/refresh-token', { json: { refresh_token } });
}

// What an answer to step 1 of a sign-up leads to, if the job says so.
function secondStep({ signup }: Job, body: string): string | undefined {
  if (signup === undefined || !body.includes('"signup_token"')) return undefined;
  const { email, signup_token } = JSON.parse(body) as { email: string; signup_token: string };
  const json = { email, signup_token, password: signup, confirm_password: signup };
  return request('POST', '/signup/set-password', { json });
}

process.on('message', (job: Job) => {
  void run(job).then(outcome => process.send?.(outcome));
});
