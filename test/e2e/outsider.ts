/**
 * Somebody on the network of the nodes of a machine who is no node: a network namespace of its own,
 * with an interface on the bridge that the nodes hang on.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { sh } from '../kit/network-namespaces.ts';

export interface Outsider {
  /** The answer to a GET without a body, or why there is none. */
  get(url: string): string;
  /** Serves on `port`, and answers everybody with the address that they are seen by. */
  serve(port: number): Promise<void>;
  close(): void;
}

/** argv: URL. Prints the body, or the code of the error. */
const GET = `
const request = require('node:http').get(process.argv[1], { agent: false, timeout: 2000 }, (answer) => answer.pipe(process.stdout));
request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'timeout' })));
request.on('error', ({ code }) => console.log(code));`;
/** argv: port. */
const SERVE = `
const [port] = process.argv.slice(1);
require('node:http').createServer((request, answer) => answer.end(request.socket.remoteAddress))
  .listen(Number(port), '::', () => console.log('up'));`;

/** `hash`: of the cluster; `addresses`: with their prefixes, on the network of the nodes. */
export function openOutsider(hash: string, addresses: readonly string[]): Outsider {
  const name = `e2e-${hash}`;
  const end = `e2e${hash}`;
  const servers: ChildProcess[] = [];
  const close = (): void => {
    for (const server of servers) server.kill('SIGKILL');
    spawnSync('ip', ['link', 'del', end]);
    spawnSync('ip', ['netns', 'del', name]);
  };
  try {
    sh(`ip netns add ${name}
      ip link add ${end} type veth peer name eth0 netns ${name}
      ip link set ${end} master cox${hash}n up
      ip -n ${name} link set lo up`);
    for (const address of addresses)
      sh(`ip -n ${name} address add ${address} dev eth0 ${address.includes(':') ? 'nodad' : ''}`);
    sh(`ip -n ${name} link set eth0 up`);
  } catch (error) {
    close();
    throw error;
  }
  const inside = ['netns', 'exec', name, process.execPath, '-e'];
  return {
    get: (url) => spawnSync('ip', [...inside, GET, url], { encoding: 'utf8' }).stdout.trim(),
    async serve(port) {
      const server = spawn('ip', [...inside, SERVE, String(port)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      servers.push(server);
      await new Promise((resolve) => server.stdout.once('data', resolve));
    },
    close,
  };
}
