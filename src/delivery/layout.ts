import type { MailText } from './catalogue.ts';
import type { LinkAction } from './link.ts';

interface Page extends MailText {
  readonly language: string;
  readonly brand: string;
  readonly home: string;
  readonly greeting: string;
  readonly copyHint: string;
  readonly footer: string;
  readonly link: (page: LinkAction, token: string) => string;
}

const FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO = 'font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace';

/** Both bodies of a mail from one source: nothing is fetched when it is opened, and it reads well without styles. */
export function layout(page: Page): { text: string; html: string } {
  return { text: plain(page), html: html(page) };
}

function plain({
  greeting,
  paragraphs,
  code,
  action,
  closing,
  notMe,
  footer,
  brand,
  home,
  link,
}: Page): string {
  return [
    greeting,
    ...paragraphs,
    ...(code === undefined ? [] : [`    ${code}`]),
    ...(action === undefined ? [] : [`${action.label}:\n${link(action.page, action.token)}`]),
    ...closing,
    ...(notMe === undefined ? [] : [`${notMe.label}:\n${link('not-me', notMe.token)}`]),
    `-- \n${brand} · ${home}\n${footer}`,
  ]
    .join('\n\n')
    .concat('\n');
}

function html(page: Page): string {
  const { language, brand, home, greeting, paragraphs, code, action, closing, notMe, footer, link } = page;
  const paragraph = (text: string) => `<p style="margin:0 0 16px">${escapeHtml(text)}</p>`;
  const button = (label: string, url: string) =>
    `<p style="margin:24px 0"><a href="${escapeHtml(url)}" style="display:inline-block;padding:12px 22px;background:#1f4fd8;border-radius:8px;color:#ffffff;text-decoration:none;font-weight:600">${escapeHtml(label)}</a></p>
<p style="margin:0 0 16px;font-size:13px;color:#667085">${escapeHtml(page.copyHint)}<br><a href="${escapeHtml(url)}" style="color:#1f4fd8;word-break:break-all">${escapeHtml(url)}</a></p>`;
  const body = [
    paragraph(greeting),
    ...paragraphs.map(paragraph),
    code === undefined
      ? ''
      : `<p style="margin:24px 0;${MONO};font-size:30px;letter-spacing:6px;font-weight:600">${escapeHtml(code)}</p>`,
    action === undefined ? '' : button(action.label, link(action.page, action.token)),
    ...closing.map(paragraph),
    notMe === undefined
      ? ''
      : `<p style="margin:0 0 16px"><a href="${escapeHtml(link('not-me', notMe.token))}" style="color:#b42318;font-weight:600">${escapeHtml(notMe.label)}</a></p>`,
  ].filter(part => part !== '');
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(page.subject)}</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f2f4f7;${FONT};font-size:16px;line-height:1.5;color:#1d2939">
<div style="max-width:560px;margin:0 auto;background:#ffffff;border:1px solid #e4e7ec;border-radius:12px;padding:32px 28px">
<p style="margin:0 0 24px;font-size:18px;font-weight:700"><a href="${escapeHtml(home)}" style="color:#1d2939;text-decoration:none">${escapeHtml(brand)}</a></p>
${body.join('\n')}
</div>
<p style="max-width:560px;margin:16px auto 0;padding:0 28px;font-size:12px;color:#667085">${escapeHtml(footer)}</p>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] ?? character);
}
