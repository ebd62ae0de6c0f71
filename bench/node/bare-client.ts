/**
 * The floor: a client of the container runtime that does what every kubelet has to do for a pod,
 * and nothing else. No API server, no volumes, no probes.
 */
import { randomUUID } from 'node:crypto';
import { nodeLayout, SANDBOX_IMAGE } from '#cli/node-layout.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { CPU_QUOTAS } from '#kubelet/cgroups/cfs.ts';
import { containerConfig } from '#kubelet/container/container-config.ts';
import { sandboxConfig } from '#kubelet/container/sandbox-config.ts';
import { type Cri, createCri } from '#kubelet/cri/cri.ts';
import { type Cluster, openCluster } from '../cluster.ts';
import { startOwnNode } from '../own-node.ts';
import { podOf } from '../real-pod.ts';
import type { Scope } from '../scope.ts';

const FOREVER = { command: '/bin/sleep', args: ['infinity'] };

/** Milliseconds from the first call until the container runs, of each pod. */
export interface FloorTimes {
  readonly aloneMs: readonly number[];
  readonly togetherMs: readonly number[];
}

/** Starts containerd, and ends it. */
export async function measureFloor(
  scope: Scope,
  directory: string,
  counts: { readonly alone: number; readonly together: number },
): Promise<FloorTimes> {
  const cluster = await openCluster(directory);
  const stop = await startOwnNode({ scope, cluster, program: FOREVER });
  try {
    const channel = openGrpcChannel(nodeLayout(cluster.data).containerdSocket);
    try {
      const pods = new BarePods(createCri(channel), cluster);
      const aloneMs: number[] = [];
      for (let i = 0; i < counts.alone; i++) aloneMs.push(await pods.start(`alone-${i}`));
      await pods.remove();
      const names = Array.from({ length: counts.together }, (_, i) => `together-${i}`);
      const beganMs = performance.now();
      const togetherMs = await Promise.all(
        names.map(async (name) => {
          await pods.start(name);
          return performance.now() - beganMs;
        }),
      );
      await pods.remove();
      return { aloneMs, togetherMs };
    } finally {
      channel.close();
    }
  } finally {
    await stop();
  }
}

class BarePods {
  readonly #cri: Cri;
  readonly #cluster: Cluster;
  readonly #sandboxes: string[] = [];

  constructor(cri: Cri, cluster: Cluster) {
    this.#cri = cri;
    this.#cluster = cluster;
  }

  /** Milliseconds until its container runs. */
  async start(name: string): Promise<number> {
    const { data, config } = this.#cluster;
    const layout = nodeLayout(data);
    const bare = podOf(name);
    const uid = randomUUID();
    const pod = { ...bare, metadata: { ...bare.metadata, uid } };
    const [container] = pod.spec?.containers ?? [];
    if (container === undefined) throw new Error('The pod has no container');
    const dns = {
      clusterDns: [config.dnsAddress],
      clusterDomain: config.clusterDomain,
      host: { servers: [], searches: [], options: [] },
    };
    const sandbox = sandboxConfig({
      pod,
      attempt: 0,
      dns,
      logDirectory: `${layout.podLogs}/${uid}`,
      cgroupParent: `/${layout.cgroup}/besteffort/pod${uid}`,
      quotas: CPU_QUOTAS,
    });
    const beganMs = performance.now();
    const { podSandboxId = '' } = await this.#cri.call('runPodSandbox', { config: sandbox });
    this.#sandboxes.push(podSandboxId);
    const { containerId = '' } = await this.#cri.call('createContainer', {
      podSandboxId,
      sandboxConfig: sandbox,
      config: containerConfig({
        pod,
        container,
        restartCount: 0,
        imageRef: SANDBOX_IMAGE,
        imageUser: { username: '' },
        environment: new Map(),
        mounts: [],
        devices: { devices: [], annotations: {}, cdiDevices: [] },
        terminationHostPath: '',
        limits: { memoryCapacity: 0, quotas: CPU_QUOTAS, killsAll: false },
        seccompDirectory: '',
        seccompDefault: false,
      }),
    });
    await this.#cri.call('startContainer', { containerId });
    return performance.now() - beganMs;
  }

  /** All that were started. */
  async remove(): Promise<void> {
    for (const podSandboxId of this.#sandboxes.splice(0)) {
      await this.#cri.call('stopPodSandbox', { podSandboxId });
      await this.#cri.call('removePodSandbox', { podSandboxId });
    }
  }
}
