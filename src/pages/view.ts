import { brandOf } from '../delivery/render.ts';
import type { Deps } from '../platform/deps.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { formTokenOf } from './form-token.ts';
import { type Words, wordsFor } from './words.ts';

/** What every page is rendered with. */
export interface View {
  readonly words: Words;
  readonly brand: { readonly name: string; readonly logoUrl: string | null };
  readonly formToken: string;
}

/** The view of a request; gives the browser its form cookie where it has none. */
export function viewOf(
  deps: Pick<Deps, 'config' | 'random' | 'secrets'>,
  request: PageRequest,
  reply: PageReply,
): View {
  const { brand } = deps.config;
  return {
    words: wordsFor(request.headers['accept-language']),
    brand: { name: brandOf(deps.config), logoUrl: brand.logoUrl },
    formToken: formTokenOf(deps, request, reply),
  };
}
