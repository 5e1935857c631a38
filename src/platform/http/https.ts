import type { FastifyRequest, onSendHookHandler } from 'fastify';
import type { Config } from '../config.ts';
import { believesPeer } from './client-address.ts';

/** Says whether the client speaks HTTPS, either to this process or to a proxy in front of it. */
type HttpsReader = (request: Pick<FastifyRequest, 'protocol' | 'headers' | 'socket'>) => boolean;

/**
 * True if PUBLIC_URL is https, if the connection is TLS, or if a believed proxy (TRUST_PROXY) says so. Of several entries,
 * the first is from the proxy that the client spoke to; a client that makes one up changes only its own cookies.
 */
function httpsReader({ publicUrl, trustProxy }: Config['http']): HttpsReader {
  if (publicUrl.startsWith('https:')) return () => true;
  const isBelieved = believesPeer(trustProxy);
  return ({ protocol, headers, socket }) => {
    if (protocol === 'https') return true;
    const forwarded = headers['x-forwarded-proto'] as string | undefined;
    return forwarded?.split(',', 1)[0]?.trim().toLowerCase() === 'https' && isBelieved(socket.remoteAddress);
  };
}

/** Marks every cookie that is set over HTTPS as `Secure` (RFC 6265 §4.1.2.5), whichever slice sets it. */
export function secureCookies(http: Config['http']): onSendHookHandler {
  const isHttps = httpsReader(http);
  return (request, reply, payload, done) => {
    const cookies = reply.getHeader('set-cookie');
    if (cookies !== undefined && isHttps(request)) {
      const marked = [cookies].flat().map(cookie => `${String(cookie)}; Secure`);
      reply.removeHeader('set-cookie');
      for (const cookie of marked) reply.header('set-cookie', cookie);
    }
    done(null, payload);
  };
}
