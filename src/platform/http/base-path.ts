/** The path of PUBLIC_URL, under which a proxy serves us: `/auth`, or nothing where we have the host to ourselves. */
export function basePathOf(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/$/, '');
}
