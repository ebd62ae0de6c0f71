/**
 * A node whose disk is full: pods that hold too much go, the node says so and is tainted, and is as
 * before a while after. A kubelet on a real containerd, with a small disk of its own (a tmpfs), at a
 * control plane in this process.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { NODE } from '../../src/api/core/node.ts';
import { POD } from '../../src/api/core/pod.ts';
import type { Node, Pod } from '../../src/api/gen/core-v1.ts';
import { CLUSTER_DEFAULTS } from '../../src/cli/cluster-config.ts';
import { type ControlPlane, createControlPlane } from '../../src/cli/control-plane.ts';
import type { Client } from '../../src/client/client.ts';
import { clientAs, nodeIdentity } from '../../src/client/in-process.ts';
import { realEnvironment } from '../../src/edge/environment.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { testAuthority } from '../kit/join-world.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { RealTestNode, whyNot } from '../kit/kubelet/real-node.ts';
import { eventually } from './product.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;
const DISK = '64m';
const THRESHOLD = '24Mi';
const TRANSITION_SECONDS = 10;
const TAINT = 'node.kubernetes.io/disk-pressure';
/** It looks every ten seconds, and a pod has one to end. */
const EVICTION_MS = 60_000;

describe('a real node that runs out of disk', { skip }, () => {
  const environment = realEnvironment({ logLevel: 'error' });
  const store = new MemoryStore(environment);
  const stopping = new AbortController();
  const { signal } = stopping;
  let plane: ControlPlane;
  let admin: Client;
  let node: RealTestNode;

  before(async () => {
    plane = controlPlane();
    await plane.start();
    admin = clientAs(
      plane.handler,
      { name: 'kubernetes-admin', groups: ['system:masters'] },
      { environment, userAgent: 'test', signal },
    );
    node = new RealTestNode();
    await node.startContainerd();
    mkdirSync(node.path('kubelet'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', node.path('kubelet')]);
    await node.startKubelet({
      client: clientAs(plane.handler, nodeIdentity('node-1'), {
        environment,
        userAgent: 'kubelet',
        signal,
      }),
      configuration: {
        evictionHard: { 'nodefs.available': THRESHOLD },
        evictionPressureTransitionPeriod: `${TRANSITION_SECONDS}s`,
      },
    });
  });
  after(async () => {
    await node?.cleanUp();
    stopping.abort();
    await plane?.stop();
    await store.close();
    assert.equal(existsSync(node.directory), false);
  });

  const pod = (name: string): Promise<Pod> => admin.get(POD, name, 'default');
  const create = (object: Pod): Promise<Pod> =>
    // Refused until its service account is there.
    eventually(() => admin.create(POD, object));
  const running = (name: string): Promise<Pod> =>
    eventually(async () => {
      const found = await pod(name);
      return found.status?.phase === 'Running' ? found : undefined;
    });
  const evicted = (name: string): Promise<Pod> =>
    eventually(async () => {
      const found = await pod(name);
      return found.status?.phase === 'Failed' ? found : undefined;
    }, EVICTION_MS);
  const conditionOf = ({ status }: Node) =>
    status?.conditions?.find(({ type }) => type === 'DiskPressure');
  const isTainted = ({ spec }: Node): boolean =>
    (spec?.taints ?? []).some(({ key }) => key === TAINT);
  const untilPressure = (wanted: 'True' | 'False'): Promise<Node> =>
    eventually(async () => {
      const found = await admin.get(NODE, 'node-1');
      const isThere = conditionOf(found)?.status === wanted;
      return isThere && isTainted(found) === (wanted === 'True') ? found : undefined;
    }, EVICTION_MS);

  it('evicts a pod that holds more than its volume may', async () => {
    await create(writer('quiet', 0));
    await running('quiet');
    await create(writer('limited', 2, '1Mi'));
    const { status } = await evicted('limited');
    assert.equal(status?.reason, 'Evicted');
    assert.equal(status?.message, 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ');
    await untilPressure('False');
  });

  it('evicts who has filled the disk, takes no other pod, and gets over it', async () => {
    await create(writer('filler', 48));
    const pressed = await untilPressure('True');
    assert.equal(conditionOf(pressed)?.reason, 'KubeletHasDiskPressure');
    await create(writer('late', 0));
    const { status } = await evicted('filler');
    assert.equal(status?.reason, 'Evicted');
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: 24Mi, available: \d+(?:Ki|Mi)\. (?:Container main was using \S+, request is 0, has larger consumption of ephemeral-storage\. )?$/,
    );
    const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
    const late = await evicted('late');
    assert.equal(
      late.status?.message,
      'Pod was rejected: The node had condition: [DiskPressure]. ',
    );
    const relieved = await untilPressure('False');
    const [since, until] = [pressed, relieved].map((each) =>
      Date.parse(conditionOf(each)?.lastTransitionTime ?? ''),
    );
    // Both are in whole seconds.
    assert.ok((until ?? 0) - (since ?? 0) >= (TRANSITION_SECONDS - 1) * 1_000);
    assert.equal((await pod('quiet')).status?.phase, 'Running', 'who holds least stays');
    assert.equal((await running('quiet')).status?.containerStatuses?.[0]?.restartCount, 0);
  });

  it('runs pods again', async () => {
    await create(writer('after', 1));
    await running('after');
  });

  function controlPlane(): ControlPlane {
    const authority = testAuthority();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return createControlPlane({
      environment,
      store,
      serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      serviceAccountIssuer: 'https://kubernetes.default.svc',
      serviceClusterIpRange: CLUSTER_DEFAULTS.serviceClusterIpRange,
      serviceNodePortRange: CLUSTER_DEFAULTS.nodePortRange,
      advertise: { address: '192.0.2.10', port: 6443 },
      clientCa: authority.certificate,
      kubelets: { to: () => () => Promise.reject(new Error('nobody asks the kubelet')) },
      rootCa: authority.certificate,
      podCidr: CLUSTER_DEFAULTS.podCidr,
    });
  }
});

/** Of the node at once, whatever its taints. Writes `mebibytes` to its volume. */
function writer(name: string, mebibytes: number, sizeLimit?: string): Pod {
  const write = mebibytes === 0 ? '' : `dd if=/dev/zero of=/data/fill bs=1M count=${mebibytes};`;
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'node-1',
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'main',
          image: BUSYBOX,
          command: ['sh', '-c', `${write} exec sleep 1000`],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', emptyDir: sizeLimit === undefined ? {} : { sizeLimit } }],
    },
  };
}
