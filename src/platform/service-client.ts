import pg from 'pg';
import type { WithSettings } from './server-settings.ts';

type Startup = new (
  config?: pg.ClientConfig,
) => pg.Client & { getStartupConf(): Readonly<Record<string, string>> };

/** A setting that the server reports without being asked. */
interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

/**
 * pg's client, which reads times in ISO 8601 alone and makes null of all others. It asks for ISO 8601 with its first message,
 * since the server, the database or the role may be set to write times in another way. Poolers know this parameter (DateStyle),
 * but not all know `settings`. What the URL says wins over `settings`.
 */
export class ServiceClient extends (pg.Client as unknown as Startup) {
  readonly #settings: WithSettings['settings'];
  #standby = false;

  constructor(config: WithSettings = {}) {
    super(config);
    this.#settings = config.settings;
    this.connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) => {
      if (parameterName === 'in_hot_standby') this.#standby = parameterValue === 'on';
    });
  }

  /**
   * True for a client of a pool whose server follows another one, as it says by itself at the start and at a promotion. Such a
   * server may lag, or follow nobody any more, so the connection must not outlast the moment in which the address led there.
   */
  static isOnStandby(client: object): boolean {
    return #standby in client && client.#standby;
  }

  override getStartupConf() {
    return { ...this.#settings, ...super.getStartupConf(), DateStyle: 'ISO' };
  }
}
