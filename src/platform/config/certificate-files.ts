import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The paths of the two files; null where one is not given. */
export interface CertificatePaths {
  readonly TLS_CERT_FILE: string | null;
  readonly TLS_KEY_FILE: string | null;
}

/** What is wrong with the certificate and its key, a sentence each that begins with the variable; nothing where they serve. */
export function faultsOfCertificate(paths: CertificatePaths): string[] {
  const faults: string[] = [];
  const take = <T>(
    name: keyof CertificatePaths,
    parse: (pem: Buffer) => T,
    otherwise: (path: string) => string,
  ) => {
    const path = paths[name];
    const pem = path === null ? null : read(name, path, faults);
    if (path === null || pem === null) return null;
    try {
      return parse(pem);
    } catch {
      faults.push(`${name}: ${otherwise(path)}`);
      return null;
    }
  };
  const certificate = take(
    'TLS_CERT_FILE',
    pem => new X509Certificate(pem),
    path => `${path} holds no certificate in PEM. Name the file with the chain, its own certificate first.`,
  );
  const key = take<KeyObject>(
    'TLS_KEY_FILE',
    pem => createPrivateKey(pem),
    path =>
      `${path} holds no private key in PEM, or one with a passphrase. Name the key's file, without one.`,
  );
  if (certificate !== null && key !== null && !certificate.checkPrivateKey(key)) {
    faults.push(
      `TLS_KEY_FILE: ${paths.TLS_KEY_FILE} is not the key of the certificate in TLS_CERT_FILE. Name the two that were made together.`,
    );
  }
  return faults;
}

/** What is wrong with a file of trusted authorities, as above. */
export function faultsOfAuthority(name: string, path: string): string[] {
  const faults: string[] = [];
  const pem = read(name, path, faults);
  try {
    if (pem !== null) new X509Certificate(pem);
  } catch {
    faults.push(`${name}: ${path} holds no certificate in PEM. Name the file of the authority.`);
  }
  return faults;
}

function read(name: string, path: string, faults: string[]): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    faults.push(
      (error as NodeJS.ErrnoException).code === 'EISDIR'
        ? `${name}: ${path} is a folder. Name the PEM file in it.`
        : `${name}: ${path} cannot be read. Check the path and its permissions.`,
    );
    return null;
  }
}
