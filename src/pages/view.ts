import { brandOf } from '../delivery/render.ts';
import type { Config } from '../platform/config.ts';
import type { Deps } from '../platform/deps.ts';
import { basePathOf } from '../platform/http/base-path.ts';
import { english, type Words } from './english.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { formTokenOf } from './form-token.ts';
import { takeMessage } from './message.ts';

/** What every page is rendered with. */
export interface View {
  readonly words: Words;
  readonly brand: { readonly name: string; readonly logoUrl: string | null };
  readonly formToken: string;
  /** What was just done, by its name in the catalogue; whoever reads it must tell it, since it is told once. */
  readonly done: string | null;
}

/** The view of a request; gives the browser its form cookie where it has none. */
export function viewOf(
  deps: Pick<Deps, 'config' | 'random' | 'secrets'>,
  request: PageRequest,
  reply: PageReply,
): View {
  const token = formTokenOf(deps, request, reply);
  return {
    words: english,
    brand: { name: brandOf(deps.config), logoUrl: logoOf(deps.config) },
    get formToken() {
      return token();
    },
    get done() {
      return takeMessage(deps, request, reply);
    },
  };
}

// The logo's path begins at the origin. Under a base path it becomes a whole URL, since prepare.ts would prefix the path.
function logoOf({ brand: { logoUrl }, http: { publicUrl } }: Config): string | null {
  if (logoUrl === null || basePathOf(publicUrl) === '') return logoUrl;
  return new URL(logoUrl, publicUrl).href;
}
