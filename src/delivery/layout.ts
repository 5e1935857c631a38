import type { brandColors } from './brand-color.ts';
import type { MailText } from './catalogue.ts';
import type { LinkAction } from './link.ts';

interface Page extends MailText {
  readonly language: string;
  readonly brand: string;
  readonly colors: ReturnType<typeof brandColors>;
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
  const { language, brand, colors, home, greeting, paragraphs, code, action, closing, notMe, footer, link } =
    page;
  const paragraph = (text: string) => `<p style="margin:0 0 16px">${escapeHtml(text)}</p>`;
  const button = (label: string, url: string) =>
    `<p style="margin:24px 0"><a href="${escapeHtml(url)}" style="display:inline-block;padding:12px 24px;background:${colors.button};border-radius:8px;color:${colors.onButton};text-decoration:none;font-weight:600">${escapeHtml(label)}</a></p>
<p class="soft" style="margin:0 0 16px;font-size:13px;color:#5b6472">${escapeHtml(page.copyHint)}<br><a class="link" href="${escapeHtml(url)}" style="color:${colors.link};word-break:break-all">${escapeHtml(url)}</a></p>`;
  const body = [
    paragraph(greeting),
    ...paragraphs.map(paragraph),
    code === undefined
      ? ''
      : `<p class="code" style="margin:24px 0;padding:16px 0 16px 6px;background:#f2f4f7;border-radius:8px;text-align:center;${MONO};font-size:30px;line-height:1.2;letter-spacing:6px;font-weight:600">${escapeHtml(code)}</p>`,
    action === undefined ? '' : button(action.label, link(action.page, action.token)),
    ...closing.map(paragraph),
    notMe === undefined
      ? ''
      : `<p style="margin:0 0 16px"><a href="${escapeHtml(link('not-me', notMe.token))}" class="danger" style="color:#b42318;font-weight:600">${escapeHtml(notMe.label)}</a></p>`,
  ].filter(part => part !== '');
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(page.subject)}</title>
<style>${darkStyle(colors.darkLink)}</style>
</head>
<body class="page" style="margin:0;padding:24px 12px;background:#f2f4f7;${FONT};font-size:16px;line-height:1.5;color:#1d2939;overflow-wrap:anywhere;word-break:break-word">
<div class="card" style="max-width:560px;margin:0 auto;background:#ffffff;border:1px solid #e4e7ec;border-radius:12px;padding:32px 28px">
<p style="margin:0 0 24px;font-size:18px;font-weight:700"><a class="brand" href="${escapeHtml(home)}" style="color:#1d2939;text-decoration:none">${escapeHtml(brand)}</a></p>
${body.join('\n')}
</div>
<p class="soft" style="max-width:504px;margin:16px auto 0;padding:0 12px;font-size:12px;color:#5b6472">${escapeHtml(footer)}</p>
</body>
</html>
`;
}

// If a mail program drops style sheets, or inverts colours by itself, the inline styles stand.
const darkStyle = (link: string) =>
  `@media(prefers-color-scheme:dark){.page{background:#12161d!important;color:#e9ecf1!important}.card{background:#1b202a!important;border-color:#303847!important}.brand{color:#e9ecf1!important}.soft{color:#a2abba!important}.link{color:${link}!important}.code{background:#242b37!important}.danger{color:#ff9c92!important}}`;

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
