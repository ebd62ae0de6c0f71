/**
 * `node server-process.ts DIRECTORY`: our API server on its durable store and its TLS socket, as the
 * control plane has it, without controllers and scheduler. One more path tells of the event loop.
 */
import { createApiServer } from '#apiserver/server.ts';
import { jsonResponse } from '#apiserver/respond.ts';
import { serveCluster } from '../server-process.ts';

const MICROSECONDS_PER_MS = 1000;
const LOOK_MS = 1;

/**
 * The most processor time that this thread has used between two firings of a timer: what else wanted
 * a turn had to wait for that. Time that the machine gave to other processes does not count.
 */
let longestMs = 0;
let usedMs = threadMs();
setInterval(() => {
  const nowMs = threadMs();
  longestMs = Math.max(longestMs, nowMs - usedMs);
  usedMs = nowMs;
}, LOOK_MS).unref();

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}

const [directory = ''] = process.argv.slice(2);
await serveCluster(directory, (options) => {
  const api = createApiServer(options);
  return {
    start: () => api.start(),
    stop: () => api.stop(),
    handler: (request) => {
      if (request.url !== '/bench/event-loop') return api.handler(request);
      const maxMs = longestMs;
      longestMs = 0;
      return Promise.resolve(jsonResponse(200, { maxMs }));
    },
  };
});
