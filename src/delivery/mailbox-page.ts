import { escapeHtml } from './layout.ts';
import type { MailboxMail } from './mailbox.ts';

/**
 * No script runs in the mailbox and nothing is fetched. Inline styles are allowed because mails use them, and a frame made of
 * `srcdoc` inherits this policy.
 */
export const MAILBOX_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The list of mails, newest first. */
export function mailboxPage(mails: readonly MailboxMail[]): string {
  const rows = mails.map(
    ({ id, to, subject, created_at, expired }) => `<li><a href="/dev/mailbox/${id}">
<span class="subject">${escapeHtml(subject)}</span>${expired ? '<span class="tag">expired</span>' : ''}
<span class="to">${escapeHtml(to)}</span>${time(created_at)}</a></li>`,
  );
  const list =
    rows.length === 0
      ? '<p class="empty">No mail yet. Sign somebody up, and it appears here.</p>'
      : `<ul>${rows.join('\n')}</ul>`;
  return page(
    'Development mailbox',
    `<header><h1>Development mailbox</h1><p>No SMTP_URL is set, so these mails wait here instead of being sent. Reload to look again, or read <a href="/dev/mailbox.json">the same as JSON</a>.</p></header>
${list}`,
  );
}

/** One mail: its head, its links, and both of its bodies. */
export function mailPage({ to, subject, html, text, links, created_at, expired }: MailboxMail): string {
  const framed = html.replace('<head>', '<head><base target="_blank">');
  const list = links
    .map(link => `<li><a href="${escapeHtml(link)}" rel="noreferrer">${escapeHtml(link)}</a></li>`)
    .join('');
  return page(
    subject,
    `<header><p><a href="/dev/mailbox">← All mails</a></p><h1>${escapeHtml(subject)}</h1>
<p>To <strong>${escapeHtml(to)}</strong> · ${time(created_at)}${expired ? ' <span class="tag">expired</span>' : ''}</p></header>
${list === '' ? '' : `<section><h2>Links</h2><ul class="links">${list}</ul></section>`}
<section><h2>HTML</h2><iframe title="The mail as HTML" sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${escapeHtml(framed)}"></iframe></section>
<section><h2>Plain text</h2><pre>${escapeHtml(text)}</pre></section>`,
  );
}

const time = (at: string) => `<time datetime="${at}">${at.slice(0, 10)} ${at.slice(11, 19)} UTC</time>`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body><main>${body}</main></body>
</html>
`;
}

const STYLE = `
:root{--ink:#1d2939;--soft:#5b6472;--line:#e4e7ec;--card:#fff;--back:#f5f6f8;--link:#1f4fd8}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3abb8;--line:#343a46;--card:#1d2129;--back:#14171c;--link:#8fb0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:820px;margin:0 auto;padding:32px 16px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:14px;color:var(--soft);margin:24px 0 8px}
header p,.empty{color:var(--soft);margin:0 0 8px}a{color:var(--link)}
ul{list-style:none;margin:16px 0 0;padding:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
li+li{border-top:1px solid var(--line)}
main>ul a{display:grid;grid-template-columns:1fr auto;gap:0 12px;padding:12px 16px;color:inherit;text-decoration:none}
main>ul a:hover,main>ul a:focus-visible{background:var(--back)}
.subject{font-weight:600}.to,time{color:var(--soft);font-size:14px}.to{grid-row:2}
.tag{font-size:12px;border:1px solid var(--line);border-radius:6px;padding:0 6px;color:var(--soft);align-self:start}
@media(max-width:560px){main>ul a{grid-template-columns:1fr}.to{grid-row:auto}}
ul.links{margin:0}ul.links li{padding:10px 16px}
iframe{width:100%;height:560px;border:1px solid var(--line);border-radius:10px;background:#fff}
pre{white-space:pre-wrap;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;margin:0}`;
