/** The enforcers of several nodes, each with a kernel that is played, on one server's objects. */
import { InformerFactory } from '#client/informer-factory.ts';
import { NetworkPolicyEnforcer } from '#network-policy/enforcer.ts';
import type { VirtualEnvironment } from '../virtual-environment.ts';
import { PolicyKernel } from './kernel.ts';
import type { WorldServer } from './server.ts';

const START_MS = 1_000;

/** Resolves when all have started: the kernels, in the order of `nodes`. */
export async function startEnforcers(options: {
  readonly environment: VirtualEnvironment;
  readonly server: WorldServer;
  readonly nodes: readonly string[];
  readonly signal: AbortSignal;
}): Promise<PolicyKernel[]> {
  const { environment, server, nodes, signal } = options;
  const informers = new InformerFactory({ client: server.client, environment });
  const started = nodes.map((node) => {
    const kernel = new PolicyKernel();
    const enforcer = new NetworkPolicyEnforcer({
      environment,
      informers,
      processes: kernel,
      portsOfBridge: () => [],
      node,
      table: {
        table: 't',
        podRanges: ['10.244.0.0/16', 'fd00:10:244::/56'],
        bridge: { name: 'br0', address: '02:00:00:00:00:01' },
      },
    });
    return enforcer.start(signal).then(() => kernel);
  });
  informers.start(signal);
  await environment.advance(START_MS);
  return Promise.all(started);
}
