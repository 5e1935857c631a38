import type { WithSettings } from './server-settings.ts';
import { ServiceClient } from './service-client.ts';

/**
 * The client of a pool. If a certificate that the URL names cannot be read, it fails to connect, as where the server is away:
 * pg reads them anew for each connection, in the constructor, which the pool also calls where nobody catches what it throws.
 */
export class PooledClient extends ServiceClient {
  constructor(config?: WithSettings) {
    try {
      super(config);
    } catch (error) {
      super();
      const refuse = (done: (error: Error) => void) => void setImmediate(done, error as Error);
      this.connect = refuse as typeof this.connect;
    }
  }
}
