import { ARGON2_MAX } from '../../argon2-hash.ts';
import { BCRYPT_COST } from '../../bcrypt-hash.ts';
import type { PasswordClass } from '../../config.ts';
import { choice, flag, integer, list } from '../parsers.ts';
import { endpoint } from '../url-parsers.ts';
import { optional, setting } from '../variable.ts';

const classes = (value: string): readonly PasswordClass[] =>
  value.toLowerCase() === 'none'
    ? []
    : list(choice('lower', 'upper', 'digit', 'symbol', 'digit_or_symbol'))(value);

export const passwords = {
  PASSWORD_MIN_LENGTH: setting(integer(1, 128), 'Shortest password, in characters.', '8'),
  PASSWORD_MAX_LENGTH: setting(integer(8, 4096), 'Longest password, in characters.', '256'),
  PASSWORD_REQUIRE: setting(
    classes,
    'Character classes that a password must contain, separated by commas: lower, upper, digit, symbol, digit_or_symbol; or none.',
    'lower,upper,digit_or_symbol',
  ),
  PASSWORD_BLOCKLIST: setting(
    flag,
    "Refuse common passwords, and the account's own names and address.",
    'on',
  ),
  PASSWORD_BREACH_CHECK_URL: optional(
    endpoint,
    'Refuse breached passwords, found by a k-anonymity query to this URL: https://api.pwnedpasswords.com/range',
    { fallbackText: 'off' },
  ),
  PASSWORD_MAX_AGE_DAYS: setting(integer(0, 3650), 'Days until a password expires; 0: never.', '0'),
  PASSWORD_HISTORY: setting(integer(0, 50), 'How many earlier passwords are refused.', '5'),
  PASSWORD_HASH: setting(
    choice('bcrypt', 'argon2id'),
    'How passwords are hashed: bcrypt or argon2id. A login replaces a hash of the other kind or of a lower cost.',
    'bcrypt',
  ),
  BCRYPT_COST: setting(
    integer(BCRYPT_COST.min, BCRYPT_COST.max),
    'Cost of bcrypt: each step doubles the time.',
    '12',
  ),
  ARGON2_MEMORY_KIB: setting(integer(8, ARGON2_MAX.memoryKib), 'Memory of argon2id, in KiB.', '19456'),
  ARGON2_PASSES: setting(integer(1, ARGON2_MAX.passes), 'Passes of argon2id.', '2'),
  HASH_QUEUE_MAX: setting(
    integer(1, 100_000),
    'How many hashes may wait; further logins are told to come back later (503).',
    '128',
  ),
};
