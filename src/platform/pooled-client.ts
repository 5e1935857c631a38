import type pg from 'pg';
import type { WithSettings } from './server-settings.ts';
import { ServiceClient } from './service-client.ts';

/** A setting that the server reports without being asked. */
interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

const onStandby = new WeakSet<object>();

// pg reads the certificates that the URL names anew for each connection, in the constructor, which the pool also calls where
// nobody catches what it throws.
class PooledClient extends ServiceClient {
  constructor(config?: WithSettings) {
    try {
      super(config);
    } catch (error) {
      super();
      const refuse = (done: (error: Error) => void) => void setImmediate(done, error as Error);
      this.connect = refuse as typeof this.connect;
    }
    this.connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) => {
      if (parameterName !== 'in_hot_standby') return;
      if (parameterValue === 'on') onStandby.add(this);
      else onStandby.delete(this);
    });
  }
}

/**
 * True for a client whose server follows another one. Such a server may lag, or follow nobody any more, so the connection must
 * not outlast the moment in which the address led there.
 */
export const isOnStandby = (client: object): boolean => onStandby.has(client);

// A pooler goes on saying that its server follows another one after it has turned to the primary, so the server is asked.
async function askStandby(client: pg.ClientBase): Promise<void> {
  if (!isOnStandby(client)) return;
  const asked = { text: 'select pg_is_in_recovery() as follows', query_timeout: ASK_MS };
  const { rows } = await client.query<{ follows: boolean }>(asked);
  if (rows[0]?.follows === false) onStandby.delete(client);
}

const ASK_MS = 3_000;

/**
 * What a pool needs for its clients. One that cannot read a certificate that the URL names fails to connect, as where the server
 * is away. One on a standby is known as such (`isOnStandby`) once it is connected: the pool waits for `onConnect`.
 */
export const POOLED = { Client: PooledClient, onConnect: askStandby };
