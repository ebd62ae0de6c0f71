/**
 * `node idle-process.ts DIRECTORY COUNT`: opens so many connections with TLS, asks for the version
 * over half of them, which speak HTTP/1.1, and nothing over the others, says on
 * standard output how many are open at a time at most, and ends when the server has ended them all;
 * with 1 when it has not after five minutes.
 */
import { connect, type TLSSocket } from 'node:tls';
import { readCluster } from '../../bench/cluster.ts';
import { FRAME, frame } from '../security/http2-wire.ts';

const AT_A_TIME = 100;
const LIMIT_MS = 300_000;
const REQUEST = 'GET /version HTTP/1.1\r\nHost: x\r\n\r\n';
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(FRAME.settings, 0, 0),
]);

const [directory = '', count = ''] = process.argv.slice(2);
const { config, pki } = readCluster(directory);
const ends: Promise<void>[] = [];
let open = 0;
let most = 0;

const force = setTimeout(() => process.exit(1), LIMIT_MS);
await Promise.all(Array.from({ length: AT_A_TIME }, openMany));
process.stdout.write(`${most}\n`);
await Promise.all(ends);
clearTimeout(force);

async function openMany(): Promise<void> {
  while (ends.length < Number(count)) await openOne(ends.length % 2 === 0);
}

/** Resolves when it stands, or could not be made. */
function openOne(speaksHttp2: boolean): Promise<void> {
  const stands = Promise.withResolvers<void>();
  const socket: TLSSocket = connect({
    host: config.listenHost,
    port: config.listenPort,
    ca: pki.authority.certificate,
    ALPNProtocols: [speaksHttp2 ? 'h2' : 'http/1.1'],
  });
  let isOpen = false;
  socket.on('error', () => {});
  socket.on('secureConnect', () => {
    isOpen = true;
    most = Math.max(most, ++open);
    socket.write(speaksHttp2 ? HELLO : REQUEST);
    stands.resolve();
  });
  ends.push(
    new Promise((resolve) => {
      socket.once('close', () => {
        if (isOpen) open--;
        stands.resolve();
        resolve();
      });
    }),
  );
  socket.resume();
  return stands.promise;
}
