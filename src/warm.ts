// Loads what a start loads, so that NODE_COMPILE_CACHE holds the compiled code of it; run when an image is made.
import './app.ts';
import './world.ts';
import './maintenance.ts';
import './banner.ts';
import './audit/sealer.ts';
import './delivery/worker.ts';

process.exit();
