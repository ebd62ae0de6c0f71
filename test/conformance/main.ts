/** `npm run conformance`: upstream's conformance suite against any cluster. */
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { say } from './command.ts';
import { folders } from './folders.ts';
import { assembleImages } from './images/assemble.ts';
import { loadImages } from './images/load.ts';
import { registryOf } from './images/registry.ts';
import { readResults } from './junit.ts';
import { showReport } from './report.ts';
import { run } from './run.ts';
import { parseSelection, USAGE } from './selection.ts';

/** Where the suite takes its images from. */
const IMAGE_REGISTRY = 'registry.k8s.io';
const REGISTRY_ADDRESS = '127.0.0.1:5000';
const CONTAINERD_HOSTS = '/etc/containerd/certs.d';
const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

async function images(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      address: { type: 'string', multiple: true, default: [CONTAINERD_SOCKET] },
      listen: { type: 'string', default: REGISTRY_ADDRESS },
      hosts: { type: 'string', default: CONTAINERD_HOSTS },
    },
  });
  const at = folders();
  build(at);
  assembleImages(at);
  if (positionals[0] === 'load')
    for (const address of values.address) loadImages(at.imageArchive, address);
  if (positionals[0] === 'serve') await serveImages(at.imageArchive, values);
}

/** Until it is interrupted. */
async function serveImages(
  archive: string,
  { listen, hosts }: { readonly listen: string; readonly hosts: string },
): Promise<void> {
  const { hostname, port } = new URL(`http://${listen}`);
  const server = registryOf(archive);
  server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''));
  await once(server, 'listening');
  const folder = join(hosts, IMAGE_REGISTRY);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'hosts.toml');
  writeFileSync(file, `[host."http://${listen}"]\n  capabilities = ["pull", "resolve"]\n`);
  say(`Images of ${IMAGE_REGISTRY} come from ${listen}, as ${file} says. Ctrl-C ends that.`);
  try {
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    server.close();
    server.closeAllConnections();
  }
}

/** Answers the exit status. */
async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    say(USAGE);
    return 0;
  }
  const [command = '', ...rest] = words[0]?.startsWith('-') === false ? words : ['run', ...words];
  if (command === 'run') return (await run(parseSelection(rest), folders())) ? 0 : 1;
  if (command === 'build') build(folders());
  else if (command === 'images') await images(rest);
  else if (command === 'report' && rest[0] !== undefined)
    showReport(readResults(rest[0]), folders());
  else throw new Error(`Cannot ${words.join(' ')}: see --help`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
