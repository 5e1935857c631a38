import type { Catalogue } from './catalogue.ts';
import { englishLinks } from './english-links.ts';
import { englishNotices } from './english-notices.ts';

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

/** English. */
export const english: Catalogue = {
  language: 'en',
  greeting: name => (name === null ? 'Hello,' : `Hello ${name},`),
  duration(seconds) {
    for (const [unit, length] of UNITS) {
      const count = Math.round(seconds / length);
      // 24 and 72 hours stay hours; a week reads better in days.
      if (count >= (unit === 'day' ? 4 : 1)) return `${count} ${unit}${count === 1 ? '' : 's'}`;
    }
    return 'a minute';
  },
  date: at =>
    `${at.toLocaleString('en-GB', {
      timeZone: 'UTC',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
    })} UTC`.replace(' at ', ', '),
  origin(device, ip) {
    if (device === null) return ip === null ? null : `the address ${ip}`;
    return ip === null ? device : `${device}, address ${ip}`;
  },
  copyHint: 'If the button does not work, copy this address into your browser:',
  footer: brand =>
    `You receive this mail because of activity on an account at ${brand}. Nobody reads replies to it.`,
  mails: { ...englishLinks, ...englishNotices },
  texts: {
    'sms-login': ({ code }, { brand, validFor }) =>
      `${code} is your ${brand} sign-in code. It is valid for ${validFor}. Never give it to anybody.`,
    'sms-enrol': ({ code }, { brand, validFor }) =>
      `${code} is your code to add this number at ${brand}. It is valid for ${validFor}. Never give it to anybody.`,
  },
};
