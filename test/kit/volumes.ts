/** Claims, their users and what becomes of them, for stories of volumes. */
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  Pod,
  PodSpec,
} from '#api/gen/core-v1.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import { TestCluster } from './cluster.ts';
import { SimulatedCsiDriver } from './csi/driver.ts';

const NAMESPACE = 'default';

/** A claim of `default` for 1Gi of the default class, for one node. */
export function claim(
  name: string,
  spec: Partial<PersistentVolumeClaimSpec> = {},
): PersistentVolumeClaim {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  };
}

/** A Pod of `default` with these claims. */
export function userOf(name: string, claims: readonly string[], spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      containers: [{ name: 'main', image: 'web' }],
      volumes: claims.map((claimName) => ({
        name: claimName,
        persistentVolumeClaim: { claimName },
      })),
      ...spec,
    },
  };
}

/** A cluster with a CSI driver, and what stories ask of it. */
export class VolumeWorld {
  readonly cluster: TestCluster;
  readonly csi: SimulatedCsiDriver;

  private constructor(cluster: TestCluster, csi: SimulatedCsiDriver) {
    this.cluster = cluster;
    this.csi = csi;
  }

  static async start(
    options: Omit<NonNullable<Parameters<typeof TestCluster.start>[0]>, 'csi'> = {},
    csi = new SimulatedCsiDriver(),
  ): Promise<VolumeWorld> {
    return new VolumeWorld(await TestCluster.start({ nodes: 2, ...options, csi }), csi);
  }

  claim(name: string): Promise<PersistentVolumeClaim> {
    return this.cluster.get(PERSISTENT_VOLUME_CLAIM, name, NAMESPACE);
  }

  pod(name: string): Promise<Pod> {
    return this.cluster.get(POD, name, NAMESPACE);
  }

  node(name: string): Promise<Node> {
    return this.cluster.get(NODE, name);
  }

  /** The volume of a claim. */
  async volumeOf(name: string): Promise<PersistentVolume> {
    const { spec } = await this.claim(name);
    return this.cluster.get(PERSISTENT_VOLUME, spec?.volumeName ?? '');
  }

  /** `pod=phase@node` of all Pods, in order of name. */
  async pods(): Promise<string> {
    const pods = await this.cluster.list(POD, NAMESPACE);
    return pods
      .map(({ metadata, spec, status }) =>
        [`${metadata?.name}=${status?.phase}`, spec?.nodeName ?? '-'].join('@'),
      )
      .toSorted()
      .join(' ');
  }

  /** The nodes that the VolumeAttachments name, in order; with `!` while not attached. */
  async attachments(): Promise<string> {
    const attachments = await this.cluster.list(VOLUME_ATTACHMENT);
    return attachments
      .map(({ spec, status }) => `${spec?.nodeName}${status?.attached === true ? '' : '!'}`)
      .toSorted()
      .join(' ');
  }

  /** `reason: message` of the events about an object, each once, by reason. */
  async told(name: string, reason: string, namespace = NAMESPACE): Promise<string[]> {
    const events = await this.cluster.list(EVENT, namespace);
    return events
      .filter((event) => event.involvedObject.name === name && event.reason === reason)
      .map(({ type, message }) => `${type} ${message}`);
  }
}
