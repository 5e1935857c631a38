/** A JWT whose signature differs in its first byte. In its last character some bits are spare, and others may be what they are set to. */
export function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}
