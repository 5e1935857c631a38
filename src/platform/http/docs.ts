import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadOnce } from '../load-once.ts';
import { Problem } from '../problems.ts';
import type { App } from './app.ts';
import { type DeclaredRoute, describeApi } from './openapi.ts';

const require = createRequire(import.meta.url);

// Only these: the page needs no other file of the package.
const ASSETS: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
]);

/** `root` leads from the page to the root of the service, which may be under a path behind a proxy. */
const pageFrom = (root: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Entrecore Auth · API</title>
<link rel="icon" href="${root}account/assets/icon.svg">
<link rel="stylesheet" href="${root}docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${root}docs/swagger-ui-bundle.js"></script>
<script src="${root}docs/start.js"></script>
</body>
</html>
`;

// The page sends requests to where it was opened, under whatever name that was; the document names PUBLIC_URL only.
const START = `const root = new URL('..', document.currentScript.src).href.replace(/\\/$/, '');
const url = root + '/openapi.json';
window.ui = SwaggerUIBundle({
  url, dom_id: '#swagger-ui', deepLinking: true,
  displayRequestDuration: true, tryItOutEnabled: true, validatorUrl: null,
  responseInterceptor(answer) {
    if (answer.url !== url) return answer;
    const { servers, ...api } = JSON.parse(answer.text);
    const others = servers.filter(server => server.url !== root);
    return Object.assign(answer, { text: JSON.stringify({ ...api, servers: [{ url: root }, ...others] }) });
  },
});
`;

// swagger-ui sets style attributes and shows data: images; nothing may come from another host.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The OpenAPI document and its page. Both are made when first asked for, so that a start does not wait for them. */
export function serveDocs(
  app: App,
  routes: readonly DeclaredRoute[],
  { publicUrl, version }: { publicUrl: string; version: string },
): void {
  // Kept once read: one copy for each answer that is never read from its connection would fill the memory.
  const assets = new Map([...ASSETS.keys()].map(name => [name, loadOnce(() => readAsset(name))]));
  let document: string | undefined;
  const config = { access: 'public', hidden: true } as const;

  app.get('/openapi.json', { config }, (_request, reply) => {
    document ??= JSON.stringify(describeApi(routes, { publicUrl, version }));
    return reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(document);
  });
  app.get('/docs', { config }, (request, reply) => {
    const root = request.url.split('?', 1)[0]?.endsWith('/') ? '../' : './';
    return reply
      .header('content-security-policy', POLICY)
      .type('text/html; charset=utf-8')
      .send(pageFrom(root));
  });
  app.get('/docs/start.js', { config }, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(START),
  );
  app.get('/docs/:asset', { config }, async (request, reply) => {
    const { asset } = request.params as { asset: string };
    const type = ASSETS.get(asset);
    if (type === undefined) throw new Problem('not_found');
    return reply
      .header('cache-control', 'public, max-age=3600')
      .type(type)
      .send(await assets.get(asset)?.());
  });
}

function readAsset(name: string): Promise<Buffer> {
  const folder = join(dirname(require.resolve('@fastify/swagger-ui/package.json')), 'static');
  return readFile(join(folder, name));
}
