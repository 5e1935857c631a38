import pg from 'pg';

type Startup = new (
  config?: pg.ClientConfig,
) => pg.Client & { getStartupConf(): Readonly<Record<string, string>> };

/**
 * pg's client, which reads times in ISO 8601 alone and makes null of all others: it asks for them with its first message, since
 * the server, the database or the role may be set to write them in another way. Poolers know this parameter (DateStyle).
 */
export class IsoClient extends (pg.Client as unknown as Startup) {
  override getStartupConf() {
    return { ...super.getStartupConf(), DateStyle: 'ISO' };
  }
}
