/**
 * `node simulated-nodes-process.ts DIRECTORY COUNT`: simulated nodes that join the cluster of a data
 * directory over HTTPS, each with a certificate of its own, until SIGTERM. They are the same towards
 * any API server.
 */
import { realEnvironment } from '#edge/environment.ts';
import { SimulatedNodes } from '#kubelet/simulated/simulated-nodes.ts';
import { connect, readCluster } from './cluster.ts';

const [directory = '', count = ''] = process.argv.slice(2);
const cluster = readCluster(directory);
const nodes = new SimulatedNodes({
  environment: realEnvironment({ logLevel: 'error' }),
  count: Number(count),
  clientFor: (name) => connect(cluster, nodeIdentity(name)).client,
});
nodes.start(new AbortController().signal);
process.once('SIGTERM', () => process.exit(0));

function nodeIdentity(name: string) {
  return cluster.pki.leaf({
    file: `kubelet-client-${name}`,
    subject: { commonName: `system:node:${name}`, organizations: ['system:nodes'] },
    uses: ['client'],
  });
}
