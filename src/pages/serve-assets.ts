import type { Deps } from '../platform/deps.ts';
import { sha256 } from '../platform/digest.ts';
import type { App } from '../platform/http/app.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { type Asset, loadAssets } from './assets.ts';

/** The style sheets and the script of the pages, read when first asked for. Browsers keep them, and ask whether they changed. */
export function assetPages(app: App, { config }: Deps): void {
  let assets: ReadonlyMap<string, TaggedAsset> | undefined;
  app.get(
    '/account/assets/:name',
    {
      config: { access: 'public', hidden: true },
      schema: { params: Type.Object({ name: Type.String({ maxLength: 40 }) }) },
    },
    async (request, reply) => {
      assets ??= tagged(loadAssets(config));
      const asset = assets.get(request.params.name);
      if (asset === undefined) throw new Problem('not_found');
      reply.header('cache-control', 'public, max-age=300, must-revalidate').header('etag', asset.etag);
      if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
      return reply.type(asset.type).send(asset.text);
    },
  );
}

interface TaggedAsset extends Asset {
  readonly etag: string;
}

function tagged(assets: ReadonlyMap<string, Asset>): ReadonlyMap<string, TaggedAsset> {
  return new Map(
    [...assets].map(([name, asset]) => {
      const hash = sha256(asset.text).toString('base64url');
      return [name, { ...asset, etag: `"${hash.slice(0, 22)}"` }];
    }),
  );
}
