import { createHash } from 'node:crypto';
import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { loadAssets } from './assets.ts';

/** The style sheets and the script of the pages. Browsers keep them, and ask whether they changed. */
export function assetPages(app: App, { config }: Deps): void {
  const assets = new Map(
    [...loadAssets(config)].map(([name, { type, text }]) => {
      const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
      return [name, { type, text, etag }];
    }),
  );
  app.get(
    '/account/assets/:name',
    {
      config: { access: 'public', hidden: true },
      schema: { params: Type.Object({ name: Type.String({ maxLength: 40 }) }) },
    },
    async (request, reply) => {
      const asset = assets.get(request.params.name);
      if (asset === undefined) throw new Problem('not_found');
      reply.header('cache-control', 'public, max-age=300, must-revalidate').header('etag', asset.etag);
      if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
      return reply.type(asset.type).send(asset.text);
    },
  );
}
