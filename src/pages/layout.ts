import { assetPath, initialOf } from './assets.ts';
import { type Html, html, type Renderable } from './html.ts';
import type { View } from './view.ts';

/** A small page with one card: signing in and up, and what links in mails open. */
export function cardPage(
  view: View,
  { title, body, after }: { title: string; body: Renderable; after?: Renderable },
): Html {
  return documentOf(
    view,
    title,
    html`<div class="narrow">
<header class="masthead">${brandLink(view)}</header>
<main class="card" id="main">
<h1>${title}</h1>
${body}
</main>
${after && html`<footer class="after">${after}</footer>`}
</div>`,
  );
}

/** The brand, as a link to the account. */
export function brandLink({ brand }: View): Html {
  const mark =
    brand.logoUrl === null
      ? html`<span class="mark" aria-hidden="true">${initialOf(brand.name)}</span>`
      : html`<img src="${brand.logoUrl}" alt="" height="28">`;
  return html`<a class="brand" href="/account">${mark}<span>${brand.name}</span></a>`;
}

/** A whole document. Nothing in it is inline, and nothing comes from another host. */
export function documentOf({ words, brand }: View, title: string, body: Renderable): Html {
  return html`<!doctype html>
<html lang="${words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title.includes(brand.name) ? title : `${title} · ${brand.name}`}</title>
<link rel="icon" href="${brand.logoUrl ?? assetPath('icon.svg')}">
<link rel="stylesheet" href="${assetPath('brand.css')}">
<link rel="stylesheet" href="${assetPath('pages.css')}">
<script type="module" src="${assetPath('pages.js')}"></script>
</head>
<body data-words="${JSON.stringify(words.form)}">
<a class="skip" href="#main">${words.skip}</a>
${body}
</body>
</html>
`;
}
