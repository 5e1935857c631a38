import { matching } from '../parsers.ts';
import { optional, setting } from '../variable.ts';

export const brand = {
  BRAND_NAME: optional(
    matching(/^[^\p{C}<>]{1,60}$/u, 'a name of at most 60 characters, without < and > and line breaks'),
    'What mails, text messages and the hosted pages under /account call the service.',
    { fallbackText: 'the name in MAIL_FROM' },
  ),
  BRAND_COLOR: setting(
    matching(/^#[0-9a-f]{6}$/i, 'a colour such as #1f4fd8'),
    'Colour of buttons and links in mails and on the hosted pages; a shade too pale to read is corrected.',
    '#1f4fd8',
  ),
  BRAND_LOGO_URL: optional(
    matching(
      /^(\/(?!\/)\S*|data:image\/(png|svg\+xml|webp|jpeg);\S+)$/,
      'a path such as /logo.svg, or a data: URL',
    ),
    'Logo of the hosted pages: a path on this origin or a data: URL, because they load nothing from another host.',
  ),
};
