/** What must come true whichever of the components are ours. Each story has a namespace of its own. */
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { JOB } from '#api/batch/job.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodReady, podCondition } from '#api/core/pod-helpers.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Pod, PodResourceClaim, PodSpec } from '#api/gen/core-v1.ts';
import { isNotFound, StatusError } from '#api/meta/status.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_CLAIM_TEMPLATE } from '#api/resource/resource-claim-template.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import type { RestClient } from '#client/rest.ts';
import { NODES } from './cluster.ts';
import { POLICY_STORY } from './policy-story.ts';
import { VOLUME_STORY } from './volume-story.ts';

export interface World {
  readonly client: RestClient;
  readonly namespace: string;
  /** Asks again and again until it is true; rejects after a minute. */
  readonly until: (what: string, check: () => Promise<boolean>) => Promise<void>;
}

export interface Story {
  readonly name: string;
  tell(world: World): Promise<void>;
}

const LABELS = { app: 'web' };
const SELECTOR = { matchLabels: LABELS };

function template(spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}) {
  return {
    metadata: { labels: LABELS, annotations },
    spec: { containers: [{ name: 'a', image: 'v1' }], terminationGracePeriodSeconds: 1, ...spec },
  };
}

async function podsOf({ client, namespace }: World): Promise<Pod[]> {
  return (await client.list(POD, { namespace })).items;
}

/** So many pods, all ready. */
async function areReady(world: World, count: number): Promise<boolean> {
  const pods = await podsOf(world);
  return pods.length === count && pods.every(isPodReady);
}

const nodesOf = (pods: readonly Pod[]): string[] =>
  pods.map(({ spec }) => spec?.nodeName ?? '').toSorted();

export const STORIES: readonly Story[] = [
  {
    name: 'a Deployment runs, rolls to a new template, and its Service names its Pods',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(SERVICE, {
        metadata: { name: 'web', namespace },
        spec: { selector: LABELS, ports: [{ port: 80 }] },
      });
      await client.create(DEPLOYMENT, {
        metadata: { name: 'web', namespace },
        spec: { replicas: 3, selector: SELECTOR, template: template() },
      });
      await until('three ready Pods', () => areReady(world, 3));
      const containers = [{ name: 'a', image: 'v2' }];
      const patch = { spec: { template: { spec: { containers } } } };
      await client.patch(DEPLOYMENT, { name: 'web', namespace }, 'strategic', patch);
      await until('the new template alone', async () => {
        const pods = await podsOf(world);
        const isNew = pods.every(({ spec }) => spec?.containers[0]?.image === 'v2');
        return isNew && (await areReady(world, 3));
      });
      await until('endpoints of its Pods', async () => {
        const { items } = await client.list(ENDPOINT_SLICE, { namespace });
        const endpoints = items.flatMap((slice) => slice.endpoints ?? []);
        const ready = endpoints.filter(({ conditions }) => conditions?.ready === true);
        const pods = (await podsOf(world)).map(({ metadata }) => metadata?.name ?? '');
        const named = ready.map(({ targetRef }) => targetRef?.name ?? '').toSorted();
        return named.join() === pods.toSorted().join();
      });
    },
  },
  {
    name: 'a StatefulSet comes in order and goes in order',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(STATEFUL_SET, {
        metadata: { name: 'db', namespace },
        spec: { replicas: 3, serviceName: 'db', selector: SELECTOR, template: template() },
      });
      await until('three ready Pods', () => areReady(world, 3));
      const born = (await podsOf(world))
        .toSorted((a, b) => (a.metadata?.name ?? '').localeCompare(b.metadata?.name ?? ''))
        .map(({ metadata }) => metadata?.creationTimestamp ?? '');
      if (born.join() !== born.toSorted().join()) throw new Error(`born ${born.join()}`);
      await client.patch(STATEFUL_SET, { name: 'db', namespace }, 'merge', {
        spec: { replicas: 1 },
      });
      await until('the first alone', async () => {
        const names = (await podsOf(world)).map(({ metadata }) => metadata?.name);
        return names.join() === 'db-0';
      });
    },
  },
  {
    name: 'a DaemonSet has one Pod on each node',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(DAEMON_SET, {
        metadata: { name: 'agent', namespace },
        spec: { selector: SELECTOR, template: template() },
      });
      await until('a ready Pod on each node', async () => {
        const pods = await podsOf(world);
        return new Set(nodesOf(pods)).size === NODES && (await areReady(world, NODES));
      });
    },
  },
  {
    name: 'a Job completes, and counts each Pod once',
    async tell(world) {
      const { client, namespace, until } = world;
      const annotations = { 'coxswain.dev/simulated-run-ms': '300' };
      await client.create(JOB, {
        metadata: { name: 'work', namespace },
        spec: {
          completions: 5,
          parallelism: 2,
          template: template({ restartPolicy: 'Never' }, annotations),
        },
      });
      await until('its completion', async () => {
        const { status } = await client.get(JOB, 'work', namespace);
        return status?.succeeded === 5 && status.completionTime !== undefined;
      });
      await until('no finalizer on its Pods', async () =>
        (await podsOf(world)).every(({ metadata }) => (metadata?.finalizers ?? []).length === 0),
      );
    },
  },
  {
    name: 'a budget lets one Pod go, and no more',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(DEPLOYMENT, {
        metadata: { name: 'web', namespace },
        spec: { replicas: 3, selector: SELECTOR, template: template() },
      });
      await client.create(POD_DISRUPTION_BUDGET, {
        metadata: { name: 'web', namespace },
        spec: { selector: SELECTOR, maxUnavailable: 1 },
      });
      await until('one disruption to be allowed', async () => {
        const { status } = await client.get(POD_DISRUPTION_BUDGET, 'web', namespace);
        return status?.disruptionsAllowed === 1 && status.currentHealthy === 3;
      });
      const codes: number[] = [];
      for (const { metadata } of (await podsOf(world)).slice(0, 2)) {
        const target = { name: metadata?.name ?? '', namespace };
        const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: target };
        codes.push(
          await client.createSubresource(POD, target, 'eviction', body).then(
            () => 201,
            (error: unknown) => {
              if (error instanceof StatusError) return error.status.code ?? 0;
              throw error;
            },
          ),
        );
      }
      if (codes.join() !== '201,429') throw new Error(`evictions gave ${codes.join()}`);
      await until('three ready Pods again', () => areReady(world, 3));
    },
  },
  {
    name: 'a quota counts what is there',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(RESOURCE_QUOTA, {
        metadata: { name: 'q', namespace },
        spec: { hard: { pods: '9', 'count/secrets': '9' } },
      });
      const used = async (): Promise<string> => {
        const { status } = await client.get(RESOURCE_QUOTA, 'q', namespace);
        return `${status?.used?.['pods']} ${status?.used?.['count/secrets']}`;
      };
      await until('a count', async () => (await used()) === '0 0');
      await client.create(SECRET, { metadata: { name: 'a', namespace } });
      await until('the Secret to count', async () => (await used()) === '0 1');
      await client.create(POD, {
        metadata: { name: 'a', namespace },
        spec: { containers: [{ name: 'a', image: 'v1' }] },
      });
      await until('the Pod to count', async () => (await used()) === '1 1');
      await client.delete(POD, { name: 'a', namespace }, { gracePeriodSeconds: 0 });
      await until('the Pod to count no more', async () => (await used()) === '0 1');
    },
  },
  {
    name: 'what a Deployment owns goes with it',
    async tell(world) {
      const { client, namespace, until } = world;
      await client.create(DEPLOYMENT, {
        metadata: { name: 'web', namespace },
        spec: { replicas: 2, selector: SELECTOR, template: template() },
      });
      await until('two ready Pods', () => areReady(world, 2));
      const target = { name: 'web', namespace };
      await client.delete(DEPLOYMENT, target, { propagationPolicy: 'Foreground' });
      await until('nothing of it', async () => {
        const sets = await client.list(REPLICA_SET, { namespace });
        const gone = await client.get(DEPLOYMENT, 'web', namespace).then(() => false, isNotFound);
        return gone && sets.items.length === 0 && (await podsOf(world)).length === 0;
      });
    },
  },
  {
    name: 'a namespace goes with all that is in it',
    async tell(world) {
      const { client, namespace, until } = world;
      const name = `${namespace}-in`;
      await client.create(NAMESPACE, { metadata: { name } });
      await client.create(CONFIG_MAP, { metadata: { name: 'a', namespace: name } });
      await client.delete(NAMESPACE, { name });
      await until('the end of it', () => client.get(NAMESPACE, name).then(() => false, isNotFound));
    },
  },
  {
    name: 'Pods that must not share a node are spread',
    async tell(world) {
      const { client, namespace, until } = world;
      const topologyKey = 'kubernetes.io/hostname';
      const affinity = {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: SELECTOR, topologyKey },
          ],
        },
      };
      await client.create(DEPLOYMENT, {
        metadata: { name: 'web', namespace },
        spec: { replicas: NODES + 1, selector: SELECTOR, template: template({ affinity }) },
      });
      await until('one Pod on each node, and one that waits', async () => {
        const pods = await podsOf(world);
        const waiting = pods.filter(({ status }) =>
          status?.conditions?.some(({ reason }) => reason === 'Unschedulable'),
        );
        return waiting.length === 1 && new Set(nodesOf(pods)).size === NODES + 1;
      });
    },
  },
  {
    name: 'an important Pod takes the place of others',
    async tell(world) {
      const { client, namespace, until } = world;
      const priority = `${namespace}-high`;
      await client.create(PRIORITY_CLASS, { metadata: { name: priority }, value: 1000 });
      // Two of these do not fit beside each other.
      const resources = { requests: { cpu: '5' } };
      const containers = [{ name: 'a', image: 'v1', resources }];
      await client.create(DEPLOYMENT, {
        metadata: { name: 'web', namespace },
        spec: { replicas: NODES, selector: SELECTOR, template: template({ containers }) },
      });
      await until('every node taken', () => areReady(world, NODES));
      await client.create(POD, {
        metadata: { name: 'important', namespace },
        spec: { priorityClassName: priority, containers },
      });
      await until('its place', async () => {
        const { spec } = await client.get(POD, 'important', namespace);
        return (spec?.nodeName ?? '') !== '';
      });
    },
  },
  {
    name: 'Pods get devices: two share a claim, and a third waits until the device is given back',
    async tell(world) {
      const { client, namespace, until } = world;
      const driver = `${namespace}.example.com`;
      const deviceClassName = namespace;
      await client.create(DEVICE_CLASS, {
        metadata: { name: deviceClassName },
        spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
      });
      const [node] = (await client.list(NODE, {})).items;
      const nodeName = node?.metadata?.name ?? '';
      await client.create(RESOURCE_SLICE, {
        metadata: { name: namespace },
        spec: {
          driver,
          nodeName,
          pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
          devices: [{ name: 'only' }],
        },
      });
      const spec = { devices: { requests: [{ name: 'r', exactly: { deviceClassName } }] } };
      await client.create(RESOURCE_CLAIM, { metadata: { name: 'one', namespace }, spec });
      await client.create(RESOURCE_CLAIM_TEMPLATE, {
        metadata: { name: 'each', namespace },
        spec: { spec },
      });
      const containers = [{ name: 'a', image: 'v1' }];
      const create = (name: string, claim: Omit<PodResourceClaim, 'name'>): Promise<Pod> =>
        client.create(POD, {
          metadata: { name, namespace },
          spec: {
            containers,
            terminationGracePeriodSeconds: 0,
            resourceClaims: [{ name: 'c', ...claim }],
          },
        });
      for (const name of ['a', 'b']) await create(name, { resourceClaimName: 'one' });
      await until('both on the node of the device', async () => {
        const nodes = nodesOf(await podsOf(world));
        return nodes.length === 2 && nodes.every((name) => name === nodeName);
      });
      await create('c', { resourceClaimTemplateName: 'each' });
      await until('that the third one waits', async () => {
        const pod = await client.get(POD, 'c', namespace);
        const said = podCondition(pod, 'PodScheduled')?.message ?? '';
        return said.includes('cannot allocate all claims');
      });
      for (const name of ['a', 'b']) await client.delete(POD, { name, namespace });
      await until('its turn', async () => {
        const pod = await client.get(POD, 'c', namespace);
        return pod.spec?.nodeName === nodeName;
      });
    },
  },
  VOLUME_STORY,
  POLICY_STORY,
];
