/** The body of an answer to `fetch`. Throws once it has more than `largest` bytes, counted as they are after decompression. */
export async function readBounded({ body }: Response, largest: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > largest) throw new Error('it answered too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks) as Buffer<ArrayBuffer>;
}
