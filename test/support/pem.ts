import { join } from 'node:path';

/** The path of a certificate or key for tests; the name may be empty for their folder. */
export const pem = (name: string): string => join(import.meta.dirname, 'tls', name);
