/**
 * Runs in the network namespace of a bench: listens, and says how long new connections take, in
 * microseconds (median), to the listener itself and to a Service that leads to it.
 *
 *   node connect-process.ts ENDPOINT PORT SERVICE PORT COUNT
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { median } from '../measure.ts';

const [endpoint = '', endpointPort = '', service = '', servicePort = '', count = ''] =
  process.argv.slice(2);
const WARM_UP = 50;
const MICROSECONDS = 1000;

async function timesTo(host: string, port: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + Number(count); i++) {
    const beganMs = performance.now();
    const socket = connect({ host, port });
    await once(socket, 'connect');
    times.push((performance.now() - beganMs) * MICROSECONDS);
    socket.destroy();
  }
  return times.slice(WARM_UP);
}

const server = createServer((socket) => socket.on('error', () => {}).destroy());
server.listen(Number(endpointPort), endpoint);
await once(server, 'listening');
const direct = median(await timesTo(endpoint, Number(endpointPort)));
const throughService = median(await timesTo(service, Number(servicePort)));
console.log(JSON.stringify({ direct, throughService }));
server.close();
