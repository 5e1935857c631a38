import type { Provider } from '../federation/provider.ts';
import { type Html, html } from './html.ts';
import { providerIcon } from './icons.ts';

export type LinkedProvider = Pick<Provider, 'id' | 'name' | 'kind'>;

/** A button for each provider. They are links, since a form may not lead to another host. */
export function providerLinks(
  providers: readonly LinkedProvider[],
  { label, to }: { label: (name: string) => string; to: (id: string) => string },
): Html[] {
  return providers.map(
    ({ id, name, kind }) =>
      html`<a class="button quiet" href="${to(encodeURIComponent(id))}">${providerIcon(kind)}${label(name)}</a>`,
  );
}
