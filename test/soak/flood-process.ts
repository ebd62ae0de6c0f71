/**
 * `node flood-process.ts DIRECTORY USER LISTS URL`: as `USER`, so many lists of `URL` at a time, each
 * on a connection of its own, asked again as soon as it is answered or refused, until SIGTERM. Says
 * then on standard output what the answers were.
 */
import { Agent, request } from 'node:https';
import { readCluster } from '../../bench/cluster.ts';

const [directory = '', user = '', lists = '', path = ''] = process.argv.slice(2);
const { config, pki } = readCluster(directory);
const identity = pki.leaf({ file: user, subject: { commonName: user }, uses: ['client'] });
const agent = new Agent({
  keepAlive: true,
  ca: pki.authority.certificate,
  cert: identity.certificate,
  key: identity.key,
});
const answers = new Map<string, number>();
let bytes = 0;

for (let nth = 0; nth < Number(lists); nth++) ask();
process.once('SIGTERM', () => {
  process.stdout.write(
    `${JSON.stringify({ answers: Object.fromEntries(answers), megabytes: Math.round(bytes / 1e6) })}\n`,
    () => process.exit(0),
  );
});

/** Asks, reads all of the answer, and asks again. */
function ask(): void {
  let ended = false;
  const again = (what: string): void => {
    if (ended) return;
    ended = true;
    answers.set(what, (answers.get(what) ?? 0) + 1);
    setImmediate(ask);
  };
  const { listenHost: host, listenPort: port } = config;
  const asked = request({ agent, host, port, path }, (response) => {
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    response.on('end', () => again(String(response.statusCode)));
    response.on('error', (error) => again(error.message));
  });
  asked.on('error', (error) => again(error.message));
  asked.end();
}
