#!/usr/bin/env node
/** `cox`: the command, by the launcher, so that it runs under the pinned Node. */
process.argv.splice(2, 0, 'cox');
await import('./launch.mjs');
