/**
 * The kubelet against a real containerd: what runs, restarts, is probed and ends, really does.
 *
 * Needs root and Linux; elsewhere the tests are skipped, and say why.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { BUSYBOX, RealTestNode, whyNot } from '#kit/kubelet/real-node.ts';
import { CONFIG_MAP, POD, SECRET } from './resources.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;

function podOf(name: string, spec: Partial<PodSpec>): Pod {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 2,
      enableServiceLinks: true,
      dnsPolicy: 'ClusterFirst',
      containers: [],
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

const SLEEPER = {
  name: 'main',
  image: BUSYBOX,
  command: ['sh', '-c', 'trap "exit 0" TERM; echo hello; while true; do sleep 0.05; done'],
  terminationMessagePath: '/dev/termination-log',
};

describe('kubelet on a real containerd', { skip }, () => {
  let node: RealTestNode;

  before(async () => {
    node = new RealTestNode();
    await node.startContainerd();
    await node.startKubelet();
  });

  after(async () => {
    await node.cleanUp();
    assert.equal(existsSync(node.directory), false);
  });

  const find = (name: string): Pod | undefined => node.api.find(POD, name, 'default');
  const until = <T>(what: string, name: string, look: (pod: Pod) => T | undefined): Promise<T> =>
    node.api.until(what, () => {
      const pod = find(name);
      return pod === undefined ? undefined : look(pod);
    });
  const running = (name: string): Promise<Pod> =>
    until(`${name} runs`, name, (pod) => (pod.status?.phase === 'Running' ? pod : undefined));
  const gone = (name: string): Promise<true> =>
    node.api.until(`${name} is gone`, () => (find(name) === undefined ? true : undefined));
  const exec = async (pod: Pod, ...cmd: string[]): Promise<string> => {
    const id = pod.status?.containerStatuses?.[0]?.containerID?.slice('containerd://'.length) ?? '';
    const context = node.kubelet.context!;
    const answer = await context.cri.call('execSync', { containerId: id, cmd, timeout: 5 });
    return Buffer.from(answer.stdout ?? []).toString().trim();
  };

  it('runs a pod, says so, and leaves nothing of it after its deletion', async () => {
    const startedMs = performance.now();
    await node.api.create(POD, podOf('simple', { containers: [SLEEPER] }));
    const pod = await running('simple');
    console.log(`create to Running: ${Math.round(performance.now() - startedMs)} ms`);
    assert.match(pod.status?.podIP ?? '', /^10\.88\.77\./);
    assert.equal(pod.status?.containerStatuses?.[0]?.ready, true);
    assert.equal(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    const reasons = node.events.map(({ reason: why }) => why);
    for (const expected of ['Pulled', 'Created', 'Started']) assert.ok(reasons.includes(expected));

    await node.api.delete(POD, { name: 'simple', namespace: 'default' });
    await gone('simple');
    const uid = pod.metadata?.uid ?? '';
    await node.kubelet.context?.cache.relist();
    assert.equal(existsSync(node.path('kubelet', 'pods', uid)), false);
    assert.equal(existsSync(`/sys/fs/cgroup/memory${node.cgroup}/kubepods/besteffort/pod${uid}`), false);
  });
});
