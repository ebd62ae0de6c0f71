/**
 * Marks the machine's own node as control plane. A kubelet may not give itself a role
 * (NodeRestriction), so the control plane does it, also when the node registers anew.
 */
import type { Environment } from '#base/env.ts';
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';

const LABEL = 'node-role.kubernetes.io/control-plane';

export function keepNodeRole(options: {
  /** Of somebody who may do everything. */
  client: Client;
  environment: Environment;
  nodeName: string;
  signal: AbortSignal;
}): void {
  const { client, environment, nodeName, signal } = options;
  const informers = new InformerFactory({ client, environment });
  const mark = async (node: Node): Promise<void> => {
    if (node.metadata?.labels?.[LABEL] !== undefined) return;
    await client.patch(NODE, { name: nodeName }, 'merge', {
      metadata: { labels: { [LABEL]: '' } },
    });
  };
  informers
    .for(NODE, { fieldSelector: `metadata.name=${nodeName}` })
    .onChange(({ type, object }) => {
      if (type === 'deleted') return;
      mark(object).catch((error: unknown) =>
        environment.log.warn('cannot label the node', { error: String(error) }),
      );
    });
  informers.start(signal);
}
