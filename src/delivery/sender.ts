/**
 * The name in MAIL_FROM, which may be empty, and its address. Not left to the mail library: it takes a part of the name in
 * brackets for a comment, and the rest of the line for an address if the name ends with a backslash.
 */
export function senderOf(from: string): { name: string; address: string } {
  const [, quoted, bare = '', address = from] =
    /^\s*(?:"([^"]*)"|([^"<]*?))\s*<([^<>]+)>\s*$/.exec(from) ?? [];
  return { name: quoted ?? bare, address: address.trim() };
}
