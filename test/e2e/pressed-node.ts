/**
 * A node that runs short of something: a kubelet on a real containerd, at a control plane in this
 * process, and what its tests look at.
 */
import { generateKeyPairSync } from 'node:crypto';
import { NODE } from '../../src/api/core/node.ts';
import { POD } from '../../src/api/core/pod.ts';
import type { EmptyDirVolumeSource, Node, Pod } from '../../src/api/gen/core-v1.ts';
import { CLUSTER_DEFAULTS } from '../../src/cli/cluster-config.ts';
import { type ControlPlane, createControlPlane } from '../../src/cli/control-plane.ts';
import type { Client } from '../../src/client/client.ts';
import { clientAs, nodeIdentity } from '../../src/client/in-process.ts';
import { realEnvironment } from '../../src/edge/environment.ts';
import type { KubeletConfiguration } from '../../src/kubelet/config/types.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { testAuthority } from '../kit/join-world.ts';
import { RealTestNode } from '../kit/kubelet/real-node.ts';
import { eventually } from './product.ts';

const NAME = 'node-1';
/** It looks every ten seconds, and a pod has one to end. */
const EVICTION_MS = 60_000;

export interface Shortage {
  readonly condition: 'DiskPressure' | 'MemoryPressure';
  readonly taint: string;
}

export class PressedNode {
  readonly node = new RealTestNode();
  readonly #shortage: Shortage;
  readonly #environment = realEnvironment({ logLevel: 'error' });
  readonly #store = new MemoryStore(this.#environment);
  readonly #stopping = new AbortController();
  readonly #plane: ControlPlane;
  readonly #admin: Client;

  constructor(shortage: Shortage) {
    this.#shortage = shortage;
    const authority = testAuthority();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#plane = createControlPlane({
      environment: this.#environment,
      store: this.#store,
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
    this.#admin = this.#clientAs({ name: 'kubernetes-admin', groups: ['system:masters'] }, 'test');
  }

  /** `prepare`: runs before the kubelet does. */
  async start(
    configuration: Partial<KubeletConfiguration>,
    prepare: (node: RealTestNode) => void = () => {},
  ): Promise<void> {
    await this.#plane.start();
    await this.node.startContainerd();
    prepare(this.node);
    const client = this.#clientAs(nodeIdentity(NAME), 'kubelet');
    await this.node.startKubelet({ client, configuration });
  }

  async stop(): Promise<void> {
    await this.node.cleanUp();
    this.#stopping.abort();
    await this.#plane.stop();
    await this.#store.close();
  }

  pod(name: string): Promise<Pod> {
    return this.#admin.get(POD, name, 'default');
  }

  create(object: Pod): Promise<Pod> {
    // Refused until its service account is there.
    return eventually(() => this.#admin.create(POD, object));
  }

  running(name: string): Promise<Pod> {
    return eventually(async () => {
      const found = await this.pod(name);
      return found.status?.phase === 'Running' ? found : undefined;
    });
  }

  evicted(name: string): Promise<Pod> {
    return eventually(async () => {
      const found = await this.pod(name);
      return found.status?.phase === 'Failed' ? found : undefined;
    }, EVICTION_MS);
  }

  conditionOf({ status }: Node) {
    return status?.conditions?.find(({ type }) => type === this.#shortage.condition);
  }

  /** The condition says so, and the node is tainted accordingly. */
  untilPressure(wanted: 'True' | 'False'): Promise<Node> {
    return eventually(async () => {
      const found = await this.#admin.get(NODE, NAME);
      const isThere = this.conditionOf(found)?.status === wanted;
      return isThere && this.#isTainted(found) === (wanted === 'True') ? found : undefined;
    }, EVICTION_MS);
  }

  #isTainted({ spec }: Node): boolean {
    return (spec?.taints ?? []).some(({ key }) => key === this.#shortage.taint);
  }

  #clientAs(user: Parameters<typeof clientAs>[1], userAgent: string): Client {
    const { signal } = this.#stopping;
    const environment = this.#environment;
    return clientAs(this.#plane.handler, user, { environment, userAgent, signal });
  }
}

/** Of the node at once, whatever its taints. Writes `mebibytes` to its volume. */
export function writer(name: string, mebibytes: number, emptyDir: EmptyDirVolumeSource = {}): Pod {
  const write = mebibytes === 0 ? '' : `dd if=/dev/zero of=/data/fill bs=1M count=${mebibytes};`;
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: NAME,
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
      volumes: [{ name: 'data', emptyDir }],
    },
  };
}
