/** `cox plan` on any cluster: what it says is what then happens. */
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { POD } from '#api/core/pod.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { RestClient } from '#client/rest.ts';
import { turnOfLoop } from '#edge/environment.ts';
import { plan } from '#plan/plan.ts';
import type { Plan } from '#plan/report/plan-result.ts';
import { NODES } from './cluster.ts';
import type { Story } from './stories.ts';

const LABELS = { app: 'web' };

function web(namespace: string, image: string, replicas: number): KubeObject {
  const containers = [{ name: 'a', image }];
  const template = {
    metadata: { labels: LABELS },
    spec: { containers, terminationGracePeriodSeconds: 1 },
  };
  const spec = { replicas, selector: { matchLabels: LABELS }, template };
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
  };
  return { ...object, spec } as KubeObject;
}

/** Workloads that the change does not name: a plan must leave them alone. */
function othersOf(app: string) {
  const labels = { app };
  const containers = [{ name: 'a', image: 'v1' }];
  return {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  };
}

function planOf(client: RestClient, object: KubeObject): Promise<Plan> {
  return plan({
    client,
    change: {
      manifests: [{ object, source: 'story' }],
      action: 'apply',
      namespace: object.metadata?.namespace ?? '',
      enforcesNamespace: false,
      forces: false,
    },
    startMs: Date.now(),
    seed: 1,
    limitMs: 1_800_000,
    times: { startMs: 2_000, stopMs: 1_000 },
    turn: turnOfLoop,
  });
}

export const PLAN_STORY: Story = {
  name: 'cox plan says what then happens',
  async tell({ client, namespace, until }) {
    const apply = (image: string, replicas: number): Promise<unknown> =>
      client.patch(
        DEPLOYMENT,
        { name: 'web', namespace },
        'apply',
        web(namespace, image, replicas),
        { fieldManager: 'kubectl' },
      );
    const readyOf = async (image: string): Promise<number> => {
      const { items } = await client.list(REPLICA_SET, { namespace });
      const found = items.find(({ spec }) => spec?.template?.spec?.containers[0]?.image === image);
      return found?.status?.readyReplicas ?? 0;
    };
    await client.create(STATEFUL_SET, {
      metadata: { name: 'db', namespace },
      spec: { replicas: 1, serviceName: 'db', ...othersOf('db') },
    });
    await client.create(DAEMON_SET, {
      metadata: { name: 'agent', namespace },
      spec: othersOf('agent'),
    });
    await apply('v1', 3);
    await until('three ready Pods', async () => (await readyOf('v1')) === 3);
    await until('the others', async () => {
      const db = await client.get(STATEFUL_SET, 'db', namespace);
      const { status } = await client.get(DAEMON_SET, 'agent', namespace);
      return db.status?.readyReplicas === 1 && status?.numberReady === NODES;
    });
    const answer = await planOf(client, web(namespace, 'v2', 5));
    const moving = answer.withoutChange.pods.filter((pod) => pod.namespace === namespace);
    if (moving.length > 0) throw new Error(`under way: ${JSON.stringify(moving)}`);
    const pods = answer.pods.filter(({ action }) => action !== 'passing');
    if (answer.refused.length + answer.pending.length > 0 || !answer.rests || pods.length !== 5)
      throw new Error(`planned: ${[answer.summary, ...(answer.moving ?? [])].join('\n')}`);
    const { items } = await client.list(POD, { namespace });
    if (items.some(({ spec }) => spec?.containers[0]?.image !== 'v1'))
      throw new Error('the plan has changed the cluster');
    await apply('v2', 5);
    await until('five ready Pods of the new template', async () => (await readyOf('v2')) === 5);
  },
};
