/**
 * Stats and metrics of a pod that runs, against a real containerd and the machine's own cgroups.
 *
 * Needs root and Linux; elsewhere the tests are skipped, and say why.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBody } from '#base/http/message.ts';
import { BUSYBOX } from '#kit/busybox-image.ts';
import { RealTestNode, whyNot } from '#kit/kubelet/real-node.ts';
import { POD } from '../resources.ts';
import type { Summary } from './summary-types.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;

const RECEIVED = /^container_network_receive_bytes_total\{.*interface="eth0"\} [1-9]/m;
const TRIES = 200;

/** Asks until the answer has it; rejects after 20 s. */
async function untilIn(ask: () => Promise<string>, pattern: RegExp): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (pattern.test(await ask())) return;
    await sleep(100);
  }
  throw new Error(`Nobody said ${String(pattern)}`);
}

describe('stats of a real node', { skip }, () => {
  let node: RealTestNode;
  let get: (path: string) => Promise<string>;

  before(async () => {
    node = new RealTestNode();
    await node.startContainerd();
    await node.startKubelet();
    const handler = node.kubelet.servers().whole;
    const peer = { certificate: { commonName: 'admin', organizations: [] } };
    get = async (url) => {
      const { status, body } = await handler({ method: 'GET', url, headers: {}, peer });
      const text = Buffer.from(await readBody(body)).toString();
      assert.equal(status, 200, text);
      return text;
    };
    await node.api.create(POD, {
      metadata: { name: 'p', namespace: 'n' },
      spec: {
        nodeName: 'node-1',
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'main',
            image: BUSYBOX,
            imagePullPolicy: 'Never',
            command: ['sh', '-c', 'echo x; while true; do :; done'],
            resources: { limits: { memory: '64Mi', cpu: '100m' } },
          },
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    });
    await node.api.until('the pod runs', () =>
      node.api.find(POD, 'p', 'n')?.status?.phase === 'Running' ? true : undefined,
    );
    // What it writes, and what its neighbours send it, comes a moment later.
    await untilIn(() => get('/containerLogs/n/p/main'), /x/);
    await untilIn(() => get('/metrics/cadvisor'), RECEIVED);
  });
  after(() => node.cleanUp());

  it('shows what the pod and the node use', async () => {
    const { node: found, pods } = JSON.parse(await get('/stats/summary')) as Summary;
    const [pod] = pods;
    const [main] = pod?.containers ?? [];
    for (const [what, value] of Object.entries({
      nodeCpu: found.cpu?.usageCoreNanoSeconds,
      nodeMemory: found.memory?.workingSetBytes,
      nodeLeft: found.memory?.availableBytes,
      disk: found.fs?.capacityBytes,
      images: found.runtime?.imageFs?.capacityBytes,
      threads: found.rlimit?.curproc,
      kubelet: found.systemContainers?.find(({ name }) => name === 'kubelet')?.memory?.rssBytes,
      podCpu: pod?.cpu?.usageCoreNanoSeconds,
      podMemory: pod?.memory?.usageBytes,
      received: pod?.network?.rxBytes,
      processes: pod?.process_stats?.process_count,
      volume: pod?.volume?.[0]?.usedBytes,
      cpu: main?.cpu?.usageCoreNanoSeconds,
      memory: main?.memory?.usageBytes,
      left: main?.memory?.availableBytes,
      logs: main?.logs?.usedBytes,
    }))
      assert.ok((value ?? 0) > 0, what);
    assert.ok((main?.memory?.availableBytes ?? 0) < 64 * 1024 * 1024);
  });

  it('has the pages of metrics', async () => {
    const resource = await get('/metrics/resource');
    const ofMain = '{container="main",pod="p",namespace="n"}';
    assert.ok(resource.includes(`container_cpu_usage_seconds_total${ofMain} `), resource);
    const cadvisor = await get('/metrics/cadvisor');
    // How many there were depends on what it did: the container sleeps.
    assert.match(cadvisor, /^container_cpu_cfs_periods_total\{container="main",.*\} \d+ \d+$/m);
    assert.match(cadvisor, RECEIVED);
    const own = await get('/metrics');
    assert.match(own, /^kubelet_running_pods 1$/m);
    assert.match(own, /^kubelet_started_containers_total\{container_type="container"\} 1$/m);
    assert.match(own, /^kubelet_pod_start_sli_duration_seconds_count 1$/m);
    assert.match(own, /^kubelet_runtime_operations_total\{operation_type="start_container"\} 1$/m);
    assert.equal(await get('/healthz'), 'ok');
  });
});
