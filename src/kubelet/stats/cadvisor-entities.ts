/**
 * What `/metrics/cadvisor` has a line for: the node, the cgroup of all pods, each pod, each sandbox
 * and each container. Pure.
 *
 * Labels as upstream's kubelet gives them with containerd (containerPrometheusLabelsFunc in
 * pkg/kubelet/server/server.go, v1.36): a pod's own cgroup has no container and no name, a sandbox
 * has a name and an image and no container.
 */
import type { CgroupDetails } from './cgroup-details.ts';
import type { CgroupUsage } from './cgroup-usage.ts';
import { type DiskLook, type FullLook, type PodLook, ROOT_CGROUP } from './looks.ts';
import type { InterfaceCounts } from './proc-text.ts';

export const ENTITY_LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'];

export interface Entity {
  /** Values of `ENTITY_LABELS`. */
  readonly labels: readonly string[];
  /** Milliseconds since 1970; of the figures, and of the beginning. */
  readonly timeMs: number;
  readonly startedMs: number;
  readonly usage: CgroupUsage;
  readonly details: CgroupDetails | undefined;
  readonly interfaces: readonly InterfaceCounts[];
  readonly disk: DiskLook | undefined;
}

/** `podsPath`: the cgroup of all pods. */
export function entitiesOf(
  look: FullLook,
  { podsPath, sandboxImage }: { readonly podsPath: string; readonly sandboxImage: string },
): Entity[] {
  const pods = look.system.find(({ name }) => name === 'pods');
  const rest = { details: undefined, interfaces: [], disk: undefined };
  return [
    nodeEntity(look),
    ...(pods === undefined
      ? []
      : [
          {
            ...rest,
            labels: ['', podsPath, '', '', '', ''],
            timeMs: pods.sample.timeMs,
            startedMs: pods.startedMs,
            usage: pods.sample.usage,
          },
        ]),
    ...look.pods.flatMap((pod) => podEntities(look, pod, sandboxImage)),
  ];
}

function nodeEntity(look: FullLook): Entity {
  const { node, memoryBytes } = look;
  const memory = node?.usage.memory;
  return {
    labels: ['', '/', '', '', '', ''],
    timeMs: node?.timeMs ?? look.timeMs,
    startedMs: look.bootMs,
    // The machine's memory is the limit of all.
    usage: {
      ...node?.usage,
      ...(memory === undefined ? {} : { memory: { ...memory, limitBytes: memoryBytes } }),
    },
    details: look.details.get(ROOT_CGROUP),
    interfaces: look.interfaces ?? [],
    disk: look.disk,
  };
}

function podEntities(look: FullLook, pod: PodLook, sandboxImage: string): Entity[] {
  const { name = '', namespace = '', uid = '' } = pod.pod.metadata ?? {};
  const rest = { interfaces: [], disk: undefined };
  const { sandbox, path, sample } = pod;
  const containers = pod.containers.map((one): Entity => {
    const { container } = one;
    return {
      ...rest,
      labels: [container.name, one.path, container.image, container.id, namespace, name],
      timeMs: one.sample?.timeMs ?? look.timeMs,
      startedMs: container.createdMs,
      usage: one.sample?.usage ?? {},
      details: look.details.get(one.path),
      disk: look.layers.get(container.id),
    };
  });
  const own: Entity = {
    ...rest,
    labels: ['', path, '', '', namespace, name],
    timeMs: sample?.timeMs ?? look.timeMs,
    startedMs: sandbox?.createdMs ?? 0,
    usage: sample?.usage ?? {},
    details: look.details.get(path),
  };
  if (sandbox === undefined) return [own, ...containers];
  const sandboxPath = `${path}/${sandbox.id}`;
  const ofSandbox: Entity = {
    ...rest,
    labels: ['', sandboxPath, sandboxImage, sandbox.id, namespace, name],
    timeMs: look.timeMs,
    startedMs: sandbox.createdMs,
    usage: {},
    details: look.details.get(sandboxPath),
    interfaces: look.extras.get(uid)?.interfaces ?? [],
  };
  return [own, ofSandbox, ...containers];
}
