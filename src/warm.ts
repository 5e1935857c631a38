// Loads what a start and its first answers load, so that NODE_COMPILE_CACHE holds the compiled code; run when an image is made.
import './admin/bootstrap.ts';
import './app.ts';
import './audit/sealer.ts';
import './banner.ts';
import './delivery/worker.ts';
import './keys/key-ring.ts';
import './maintenance.ts';
import './configuration.ts';
import './platform/embedded/open.ts';
import { growHeapSlowly } from './platform/heap.ts';
import './platform/http/certificate.ts';
import './platform/http/listen.ts';
import { compileSerializer, compileValidator } from './platform/http/validation.ts';
import './platform/left-behind.ts';
import './platform/migrations/upgrade.ts';
import './platform/redis/redis-cache.ts';
import './world.ts';

// The service does this before it answers, and V8 accepts compiled code only under the flags that it was made with.
growHeapSlowly();
const schema = { type: 'object', properties: { name: { type: 'string' } } };
compileValidator({ schema, httpPart: 'body' })({});
compileSerializer({ schema })({});
process.exit();
