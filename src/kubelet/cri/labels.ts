/**
 * What the kubelet writes on sandboxes and containers, so that it (or another kubelet) knows them
 * again after a restart: the runtime is the only memory of what runs.
 *
 * Upstream: pkg/kubelet/kuberuntime/labels.go, staging/src/k8s.io/cri-api (types/labels.go), v1.36.
 */
import type { Container, EphemeralContainer, LifecycleHandler, Pod } from '#api/gen/core-v1.ts';
import { containerHash } from '../pod/container-hash.ts';

export const POD_NAME_LABEL = 'io.kubernetes.pod.name';
export const POD_NAMESPACE_LABEL = 'io.kubernetes.pod.namespace';
export const POD_UID_LABEL = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME_LABEL = 'io.kubernetes.container.name';

const HASH = 'io.kubernetes.container.hash';
const RESTART_COUNT = 'io.kubernetes.container.restartCount';
const TERMINATION_PATH = 'io.kubernetes.container.terminationMessagePath';
const TERMINATION_POLICY = 'io.kubernetes.container.terminationMessagePolicy';
const PRE_STOP = 'io.kubernetes.container.preStopHandler';
const PORTS = 'io.kubernetes.container.ports';
const GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod';
const DELETION_GRACE_PERIOD = 'io.kubernetes.pod.deletionGracePeriod';
/** Where the termination message lies on the node. */
const TERMINATION_HOST_PATH = 'coxswain.dev/termination-message-host-path';

type StringMap = Record<string, string>;

export function podLabels(pod: Pod): StringMap {
  const { name = '', namespace = '', uid = '', labels = {} } = pod.metadata ?? {};
  return {
    ...labels,
    [POD_NAME_LABEL]: name,
    [POD_NAMESPACE_LABEL]: namespace,
    [POD_UID_LABEL]: uid,
  };
}

export function containerLabels(container: { readonly name: string }, pod: Pod): StringMap {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  return {
    [POD_NAME_LABEL]: name,
    [POD_NAMESPACE_LABEL]: namespace,
    [POD_UID_LABEL]: uid,
    [CONTAINER_NAME_LABEL]: container.name,
  };
}

export function containerAnnotations(
  container: Container | EphemeralContainer,
  pod: Pod,
  facts: { readonly restartCount: number; readonly terminationHostPath: string },
): StringMap {
  const { deletionGracePeriodSeconds } = pod.metadata ?? {};
  const grace = pod.spec?.terminationGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  const ports = container.ports ?? [];
  return {
    [HASH]: containerHash(container),
    [RESTART_COUNT]: String(facts.restartCount),
    [TERMINATION_PATH]: container.terminationMessagePath ?? '',
    [TERMINATION_POLICY]: container.terminationMessagePolicy ?? 'File',
    [TERMINATION_HOST_PATH]: facts.terminationHostPath,
    ...(deletionGracePeriodSeconds === undefined
      ? {}
      : { [DELETION_GRACE_PERIOD]: String(deletionGracePeriodSeconds) }),
    ...(grace === undefined ? {} : { [GRACE_PERIOD]: String(grace) }),
    ...(preStop === undefined ? {} : { [PRE_STOP]: JSON.stringify(preStop) }),
    ...(ports.length === 0 ? {} : { [PORTS]: JSON.stringify(ports) }),
  };
}

export interface RememberedContainer {
  readonly hash?: string;
  readonly restartCount: number;
  readonly terminationPolicy: string;
  readonly terminationHostPath: string;
}

/** Reads the annotations back; figures that are missing or wrong count as 0. */
export function rememberedContainer(annotations: Readonly<StringMap>): RememberedContainer {
  const hash = annotations[HASH];
  return {
    ...(hash === undefined ? {} : { hash }),
    restartCount: Number(annotations[RESTART_COUNT] ?? 0) || 0,
    terminationPolicy: annotations[TERMINATION_POLICY] ?? 'File',
    terminationHostPath: annotations[TERMINATION_HOST_PATH] ?? '',
  };
}

/**
 * A container's spec and its pod as far as stopping needs them, for a pod that the API forgot:
 * grace period and hook.
 */
export function rememberedPod(
  labels: Readonly<StringMap>,
  annotations: Readonly<StringMap>,
): { readonly pod: Pod; readonly container: Container } {
  const preStop = annotations[PRE_STOP];
  const ports = annotations[PORTS];
  const container: Container = { name: labels[CONTAINER_NAME_LABEL] ?? '' };
  // Written by `containerAnnotations`; what does not parse is left out.
  const hook = preStop === undefined ? undefined : (parse(preStop) as LifecycleHandler | undefined);
  if (hook !== undefined) container.lifecycle = { preStop: hook };
  const known = ports === undefined ? undefined : (parse(ports) as Container['ports'] | undefined);
  if (known !== undefined) container.ports = known;
  const pod: Pod = {
    metadata: {
      name: labels[POD_NAME_LABEL] ?? '',
      namespace: labels[POD_NAMESPACE_LABEL] ?? '',
      uid: labels[POD_UID_LABEL] ?? '',
    },
    spec: {
      containers: [container],
      terminationGracePeriodSeconds: Number(annotations[GRACE_PERIOD] ?? 30),
    },
  };
  return { pod, container };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
