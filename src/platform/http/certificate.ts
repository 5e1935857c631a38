import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../log.ts';

/** Where the certificate chain and its private key are, as PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A server whose certificate can be replaced while it serves. */
export interface TlsServer {
  setSecureContext(options: { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' }): void;
}

// Where the kernel tells nothing of changes, as on a network file system, or where others use up all its watches.
const LOOK_MS = 60_000;
const SETTLE_MS = 300;

/** The two files as they are now. */
export function readCertificate({ certFile, keyFile }: CertificateFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/**
 * Serves new handshakes with the files as they become; connections that are open go on. The folders are watched, not the
 * files: a renewal puts another file, or another target of a link, in place of the first, again and again. A pair that
 * does not fit is told, and the old one goes on.
 */
export function followCertificate(
  server: TlsServer,
  files: CertificateFiles,
  log: Pick<Log, 'info' | 'warn' | 'error'>,
): void {
  let served = readCertificate(files);
  let refused = '';
  const look = () => {
    try {
      const { cert, key } = readCertificate(files);
      if (cert.equals(served.cert) && key.equals(served.key)) return;
      // OpenSSL takes a key of another kind (RSA beside ECDSA), and then has a certificate for no handshake.
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
        throw new Error('The key is not that of the certificate');
      server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
      served = { cert, key };
      refused = '';
      log.info('the certificate was reloaded');
    } catch (error) {
      const { message } = error as Error;
      if (message !== refused) {
        log.error(
          { err: error },
          'the new certificate cannot be used, so the old one stays in use: put a matching pair into TLS_CERT_FILE and TLS_KEY_FILE',
        );
      }
      refused = message;
    }
  };
  let settling: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MS).unref();
  };
  for (const folder of new Set([dirname(files.certFile), dirname(files.keyFile)])) {
    try {
      watch(folder, { persistent: false }, soon).on('error', () => undefined);
    } catch (error) {
      log.warn(
        { err: error },
        'the folder of the certificate cannot be watched, so a new one is noticed only after a minute',
      );
    }
  }
  setInterval(look, LOOK_MS).unref();
}
