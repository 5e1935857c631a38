import { once } from 'node:events';
import { createServer, request as send } from 'node:http';

export interface PathProxy {
  close(): void;
}

/** Listens on `port`, and serves what is under `path` from the port `behind`, which sees no path; anything else is 404. */
export async function pathProxy({
  path,
  port,
  behind,
}: {
  path: string;
  port: number;
  behind: number;
}): Promise<PathProxy> {
  const server = createServer((request, response) => {
    const { url = '/', method, headers } = request;
    if (!url.startsWith(`${path}/`)) {
      response.writeHead(404).end();
      return;
    }
    const to = { host: '127.0.0.1', port: behind, path: url.slice(path.length), method, headers };
    const onward = send(to, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
