/** The path under which a proxy serves us, as PUBLIC_URL has it: `/auth`, or nothing where we have the host to ourselves. */
export function basePathOf(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/$/, '');
}
