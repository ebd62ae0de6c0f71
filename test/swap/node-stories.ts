/** What must come true on a real node, whosever kubelet and proxy it has. By kubectl, as users do. */
import assert from 'node:assert/strict';
import { get as httpGet } from 'node:http';
import { join } from 'node:path';
import { POD } from '#api/core/pod.ts';
import { isPodReady } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { type Output, run } from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { openStream, type Stream } from '../e2e/stream.ts';
import { KUBECONFIG } from './node.ts';
import type { Story, World } from './stories.ts';

interface NodeWorld extends World {
  /** In the story's namespace. */
  readonly kubectl: (...words: string[]) => Promise<Output>;
  /** One that goes on. */
  readonly stream: (...words: string[]) => Stream;
}

interface NodeStory {
  readonly name: string;
  tell(world: NodeWorld): Promise<void>;
}

/** `directory`: of the cluster. */
export function withKubectl(story: NodeStory, directory: string): Story {
  const environment = { KUBECONFIG: join(directory, KUBECONFIG) };
  return {
    name: story.name,
    tell: (world) =>
      story.tell({
        ...world,
        kubectl: (...words) =>
          run('kubectl', ['--namespace', world.namespace, ...words], { environment }),
        stream: (...words) =>
          openStream('kubectl', ['--namespace', world.namespace, ...words], environment),
      }),
  };
}

const SERVE = 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www';

interface Shape {
  readonly spec?: Partial<PodSpec>;
  readonly container?: Partial<Container>;
  readonly labels?: Readonly<Record<string, string>>;
}

async function create(world: NodeWorld, name: string, script: string, shape: Shape = {}) {
  await world.client.create(POD, {
    metadata: { name, namespace: world.namespace, labels: { ...shape.labels } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        { name: 'main', image: BUSYBOX, command: ['sh', '-c', script], ...shape.container },
      ],
      ...shape.spec,
    },
  });
}

function podOf({ client, namespace }: NodeWorld, name: string): Promise<Pod> {
  return client.get(POD, name, namespace);
}

async function untilReady(world: NodeWorld, ...names: string[]): Promise<void> {
  for (const name of names)
    await world.until(`pod ${name} to be ready`, async () => isPodReady(await podOf(world, name)));
}

async function stdoutOf(asked: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await asked;
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** What a container prints there. */
function inside(world: NodeWorld, pod: string, script: string): Promise<string> {
  return stdoutOf(world.kubectl('exec', pod, '--', 'sh', '-c', script));
}

const READY: NodeStory = {
  name: 'a pod with an init container, a sidecar and probes gets ready, in the order of upstream',
  async tell(world) {
    const { until } = world;
    await create(world, 'web', SERVE, {
      container: {
        startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
        livenessProbe: { exec: { command: ['test', '-d', '/www'] }, periodSeconds: 1 },
      },
      spec: {
        initContainers: [
          { name: 'first', image: BUSYBOX, command: ['sh', '-c', 'echo first'] },
          {
            name: 'sidecar',
            image: BUSYBOX,
            command: ['sleep', '1000000'],
            restartPolicy: 'Always',
          },
        ],
      },
    });
    await untilReady(world, 'web');
    const { status } = await podOf(world, 'web');
    assert.equal(status?.phase, 'Running');
    assert.equal(status.qosClass, 'BestEffort');
    assert.deepEqual(status.podIPs, [{ ip: status.podIP }]);
    const conditions = status.conditions?.filter(({ status: is }) => is === 'True');
    assert.deepEqual(conditions?.map(({ type }) => type).toSorted(), [
      'ContainersReady',
      'Initialized',
      'PodReadyToStartContainers',
      'PodScheduled',
      'Ready',
    ]);
    const [first, sidecar] = status.initContainerStatuses ?? [];
    assert.equal(first?.state?.terminated?.reason, 'Completed');
    assert.equal(sidecar?.started, true);
    assert.equal(await stdoutOf(world.kubectl('logs', 'web', '-c', 'first')), 'first');
    await stdoutOf(world.kubectl('delete', 'pod', 'web', '--wait=false'));
    await until(
      'the pod to go',
      async () => (await world.client.list(POD, { namespace: world.namespace })).items.length === 0,
    );
  },
};

const ENDS: NodeStory = {
  name: 'pods that end have phase, exit code and reason; one that crashes waits',
  async tell(world) {
    const never: Shape = { spec: { restartPolicy: 'Never' } };
    await create(world, 'good', 'echo done', never);
    await create(world, 'bad', 'echo oh > /dev/termination-log; exit 3', never);
    await create(world, 'late', 'sleep 1000000', {
      spec: { restartPolicy: 'Never', activeDeadlineSeconds: 2 },
    });
    await create(world, 'crash', 'echo again; exit 1');
    await world.until('the pods to end', async () => {
      const pods = await Promise.all(['good', 'bad', 'late'].map((name) => podOf(world, name)));
      return pods.every(({ status }) => ['Succeeded', 'Failed'].includes(status?.phase ?? ''));
    });
    const [good, bad, late] = await Promise.all(
      ['good', 'bad', 'late'].map(async (name) => (await podOf(world, name)).status),
    );
    assert.equal(good?.phase, 'Succeeded');
    assert.equal(good.containerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    assert.equal(bad?.phase, 'Failed');
    const ended = bad.containerStatuses?.[0]?.state?.terminated;
    assert.deepEqual([ended?.exitCode, ended?.reason, ended?.message], [3, 'Error', 'oh\n']);
    assert.equal(late?.reason, 'DeadlineExceeded');
    assert.match(
      late.message ?? '',
      /^Pod was active on the node longer than the specified deadline/,
    );
    await world.until('the one that crashes to wait', async () => {
      const [container] = (await podOf(world, 'crash')).status?.containerStatuses ?? [];
      const isWaiting = container?.state?.waiting?.reason === 'CrashLoopBackOff';
      return isWaiting && (container?.restartCount ?? 0) >= 1;
    });
    await world.until(
      'its last words',
      async () => (await world.kubectl('logs', 'crash', '--previous')).stdout === 'again\n',
    );
  },
};

const VOLUMES: NodeStory = {
  name: 'volumes of configuration, tokens and memory, the first follow changes',
  async tell(world) {
    const { client, namespace, until } = world;
    await client.create(CONFIG_MAP, { metadata: { name: 'config', namespace }, data: { a: '1' } });
    await create(world, 'reader', 'sleep 1000000', {
      labels: { app: 'reader' },
      container: {
        env: [
          { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
          { name: 'BOTH', value: '$(NODE)-$(CPUS)-$$(NODE)' },
        ],
        resources: { limits: { cpu: '1', memory: '64Mi' } },
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'labels', mountPath: '/labels' },
          { name: 'memory', mountPath: '/memory' },
        ],
      },
      spec: {
        volumes: [
          { name: 'config', configMap: { name: 'config' } },
          {
            name: 'labels',
            downwardAPI: {
              items: [{ path: 'all', fieldRef: { fieldPath: 'metadata.labels' } }],
            },
          },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        ],
      },
    });
    await untilReady(world, 'reader');
    const { spec, status } = await podOf(world, 'reader');
    assert.equal(status?.qosClass, 'Guaranteed');
    assert.equal(await inside(world, 'reader', 'cat /config/a'), '1');
    assert.equal(await inside(world, 'reader', 'cat /labels/all'), 'app="reader"');
    assert.equal(await inside(world, 'reader', 'echo $BOTH'), `${spec?.nodeName}-1-$(NODE)`);
    assert.match(await inside(world, 'reader', 'df /memory | tail -1'), /^tmpfs +1024 /);
    const token = '/var/run/secrets/kubernetes.io/serviceaccount';
    assert.equal(await inside(world, 'reader', `cat ${token}/namespace`), namespace);
    assert.equal((await inside(world, 'reader', `cat ${token}/token`)).split('.').length, 3);
    await stdoutOf(world.kubectl('patch', 'configmap', 'config', '-p', '{"data":{"a":"2"}}'));
    // Upstream's kubelet looks at volumes once a minute, unless the pod changes.
    await stdoutOf(world.kubectl('annotate', 'pod', 'reader', 'look=now'));
    await until(
      'the change to be seen',
      async () => (await inside(world, 'reader', 'cat /config/a')) === '2',
    );
  },
};

const STREAMS: NodeStory = {
  name: 'exec, logs, port-forward and debug',
  async tell(world) {
    await create(world, 'web', `echo up; ${SERVE}`);
    await untilReady(world, 'web');
    assert.equal((await world.kubectl('exec', 'web', '--', 'sh', '-c', 'exit 7')).code, 7);
    assert.equal(await stdoutOf(world.kubectl('logs', 'web', '--tail=1')), 'up');
    const forward = world.stream('port-forward', 'pod/web', ':8080');
    const [, port = ''] = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+) -> 8080\n/);
    assert.equal(await fetched(`http://127.0.0.1:${port}`), 'web');
    await forward.stop();
    await stdoutOf(
      world.kubectl('debug', 'web', `--image=${BUSYBOX}`, '-c', 'helper', '--', 'sleep', '100'),
    );
    await world.until('the ephemeral container to run', async () => {
      const [helper] = (await podOf(world, 'web')).status?.ephemeralContainerStatuses ?? [];
      return helper?.state?.running !== undefined;
    });
    const seen = world.kubectl(
      'exec',
      'web',
      '-c',
      'helper',
      '--',
      'wget',
      '-qO-',
      '127.0.0.1:8080',
    );
    assert.equal(await stdoutOf(seen), 'web');
  },
};

const RESIZE: NodeStory = {
  name: 'a pod is resized in place',
  async tell(world) {
    const resources = (cpu: string) => ({ requests: { cpu }, limits: { cpu } });
    await create(world, 'elastic', 'sleep 1000000', {
      container: { resources: resources('100m') },
    });
    await untilReady(world, 'elastic');
    const patch = { spec: { containers: [{ name: 'main', resources: resources('200m') }] } };
    await stdoutOf(
      world.kubectl('patch', 'pod', 'elastic', '--subresource=resize', '-p', JSON.stringify(patch)),
    );
    await world.until('the resize to be done', async () => {
      const { status } = await podOf(world, 'elastic');
      const [container] = status?.containerStatuses ?? [];
      const open = status?.conditions?.some(({ type }) => type.startsWith('PodResize'));
      return container?.resources?.limits?.['cpu'] === '200m' && open !== true;
    });
    const [container] = (await podOf(world, 'elastic')).status?.containerStatuses ?? [];
    assert.equal(container?.restartCount, 0);
  },
};

const EVICTS: NodeStory = {
  name: 'a pod that writes more than its volume may hold is evicted',
  async tell(world) {
    await create(world, 'writer', 'head -c 4000000 /dev/zero > /data/big; sleep 1000000', {
      container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
      spec: { volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }] },
    });
    await world.until('the eviction', async () => {
      const { status } = await podOf(world, 'writer');
      return status?.phase === 'Failed' && status.reason === 'Evicted';
    });
    const { status } = await podOf(world, 'writer');
    assert.match(status?.message ?? '', /^Usage of EmptyDir volume "data" exceeds the limit "1Mi"/);
  },
};

const SERVICES: NodeStory = {
  name: 'Services: spread, hairpin, node ports, affinity, no endpoints, one that goes',
  async tell(world) {
    const { client, namespace, until } = world;
    const labels = { app: 'web' };
    for (const name of ['web-1', 'web-2']) await create(world, name, SERVE, { labels });
    await create(world, 'caller', 'sleep 1000000');
    await untilReady(world, 'web-1', 'web-2', 'caller');
    const ports = [{ port: 80, targetPort: 8080 }];
    const spread = await client.create(SERVICE, {
      metadata: { name: 'web', namespace },
      spec: { type: 'NodePort', selector: labels, ports },
    });
    const sticky = await client.create(SERVICE, {
      metadata: { name: 'sticky', namespace },
      spec: { selector: labels, ports, sessionAffinity: 'ClientIP' },
    });
    const empty = await client.create(SERVICE, {
      metadata: { name: 'empty', namespace },
      spec: { selector: { app: 'nobody' }, ports },
    });
    const address = spread.spec?.clusterIP ?? '';
    const answersFrom = async (pod: string, ip: string, times: number) => {
      const script = `for i in $(seq ${times}); do wget -qO- http://${ip} || echo none; done`;
      return new Set((await inside(world, pod, script)).split('\n'));
    };
    const both = new Set(['web-1', 'web-2']);
    const reached = async (pod: string) => (await answersFrom(pod, address, 20)).isSupersetOf(both);
    await until('both to answer a pod', () => reached('caller'));
    await until('both to answer one of them, itself too', () => reached('web-1'));
    await until('only one to answer by affinity', async () => {
      const answers = await answersFrom('caller', sticky.spec?.clusterIP ?? '', 20);
      return answers.size === 1 && both.isSupersetOf(answers);
    });
    const { status } = await podOf(world, 'caller');
    const port = spread.spec?.ports?.[0]?.nodePort ?? 0;
    await until('the node port to answer', async () =>
      both.has(await fetched(`http://${status?.hostIP}:${port}`)),
    );
    await until('no endpoints to be refused', async () => {
      const error = await fetched(`http://${empty.spec?.clusterIP}`);
      return error === 'ECONNREFUSED';
    });
    await stdoutOf(world.kubectl('delete', 'pod', 'web-1'));
    await until('the other to answer alone', async () => {
      const answers = await answersFrom('caller', address, 20);
      return answers.size === 1 && answers.has('web-2');
    });
  },
};

/** What a request of the machine's gets, or the code of its error. */
function fetched(url: string): Promise<string> {
  return new Promise((resolve) => {
    httpGet(url, { agent: false, timeout: 2_000 }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve(text.trim()));
      answer.on('error', () => resolve(''));
    })
      .on('timeout', function timeout(this: { destroy(): unknown }) {
        this.destroy();
      })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const PAGES: NodeStory = {
  name: 'the kubelet’s pages through the API server: health, settings, statistics, metrics',
  async tell(world) {
    await create(world, 'busy', 'while true; do :; done', {
      container: { resources: { limits: { cpu: '50m' } } },
    });
    await untilReady(world, 'busy');
    const { spec } = await podOf(world, 'busy');
    const page = (path: string) =>
      stdoutOf(world.kubectl('get', '--raw', `/api/v1/nodes/${spec?.nodeName}/proxy/${path}`));
    assert.equal(await page('healthz'), 'ok');
    const config = JSON.parse(await page('configz')) as { kubeletconfig?: { kind?: string } };
    assert.ok(config.kubeletconfig !== undefined);
    await world.until('statistics of the pod', async () => {
      const summary = JSON.parse(await page('stats/summary')) as Summary;
      const pod = summary.pods?.find(({ podRef }) => podRef?.name === 'busy');
      return (pod?.cpu?.usageCoreNanoSeconds ?? 0) > 0 && (pod?.memory?.workingSetBytes ?? 0) > 0;
    });
    assert.match(await page('metrics/resource'), /^container_cpu_usage_seconds_total\{/m);
    assert.match(await page('metrics/cadvisor'), /^container_memory_working_set_bytes\{/m);
    assert.match(await page('metrics'), /^kubelet_running_pods /m);
  },
};

interface Summary {
  readonly pods?: readonly {
    readonly podRef?: { readonly name?: string };
    readonly cpu?: { readonly usageCoreNanoSeconds?: number };
    readonly memory?: { readonly workingSetBytes?: number };
  }[];
}

export const NODE_STORIES: readonly NodeStory[] = [
  READY,
  ENDS,
  VOLUMES,
  STREAMS,
  RESIZE,
  EVICTS,
  SERVICES,
  PAGES,
];
