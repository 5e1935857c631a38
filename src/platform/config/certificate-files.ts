import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A file, and the variable that names it, by which faults refer to it. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

export interface CertificateFiles {
  readonly certificate: NamedFile | null;
  readonly key: NamedFile | null;
}

/** The faults of a certificate and its key, each a sentence that begins with the variable; none if both can be used. */
export function faultsOfCertificate(files: CertificateFiles): string[] {
  const faults: string[] = [];
  const take = <T>(file: NamedFile | null, parse: (pem: Buffer) => T, otherwise: string) => {
    const pem = file === null ? null : read(file.name, file.path, faults);
    if (file === null || pem === null) return null;
    try {
      return parse(pem);
    } catch {
      faults.push(`${file.name}: ${file.path} ${otherwise}`);
      return null;
    }
  };
  const certificate = take(
    files.certificate,
    pem => new X509Certificate(pem),
    'holds no certificate in PEM. Name the file with the chain, its own certificate first.',
  );
  const key = take<KeyObject>(
    files.key,
    pem => createPrivateKey(pem),
    "holds no private key in PEM, or one with a passphrase. Name the key's file, without one.",
  );
  if (certificate !== null && key !== null && !certificate.checkPrivateKey(key)) {
    faults.push(
      `${files.key?.name}: ${files.key?.path} is not the key of the certificate in ${files.certificate?.name}. Name the two that were made together.`,
    );
  }
  return faults;
}

/** The faults of a file of trusted authorities, in the same form. */
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
