import pg from 'pg';
import type { WithSettings } from './server-settings.ts';

type Startup = new (
  config?: pg.ClientConfig,
) => pg.Client & { getStartupConf(): Readonly<Record<string, string>> };

/**
 * pg's client, which reads times in ISO 8601 alone and makes null of all others. It asks for ISO 8601 with its first message,
 * since the server, the database or the role may be set to write times in another way. Poolers know this parameter (DateStyle),
 * but not all know `settings`. What the URL says wins over `settings`.
 */
export class ServiceClient extends (pg.Client as unknown as Startup) {
  readonly #settings: WithSettings['settings'];

  constructor(config: WithSettings = {}) {
    super(config);
    this.#settings = config.settings;
  }

  override getStartupConf() {
    return { ...this.#settings, ...super.getStartupConf(), DateStyle: 'ISO' };
  }
}
