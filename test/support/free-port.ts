import { findFreePort } from '../../src/platform/http/listen.ts';

/** A port of this machine that nobody listens on at this moment. */
export const freePort = (): Promise<number> => findFreePort('127.0.0.1');
