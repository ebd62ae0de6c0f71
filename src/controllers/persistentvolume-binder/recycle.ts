/**
 * Recycling: a Pod empties a released volume, which is then free for another claim.
 *
 * Upstream: recycleVolumeOperation in pkg/controller/volume/persistentvolume/pv_controller.go,
 * pkg/volume/util/recyclerclient, pkg/volume/{hostpath,nfs}, v1.36. Events of the Pod are not told
 * of the volume again.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import type { PersistentVolume, Pod, Volume } from '#api/gen/core-v1.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Told } from './plan-claim.ts';

export const RECYCLER_NAMESPACE = 'default';
const PREFIX = 'recycler-for-';
const IMAGE = 'registry.k8s.io/build-image/debian-base:bookworm-v1.0.6';
const SCRIPT =
  'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1';
const GIBIBYTE = 1024 ** 3;
const OLD_RECYCLER = 'Recycle failed: old recycler pod found, will retry later';

/** How long a recycler may take: at least, and for each gibibyte. */
export interface RecyclerTimeout {
  readonly minimumSeconds: number;
  readonly secondsPerGibibyte: number;
}

export interface RecyclerTimeouts {
  readonly hostPath: RecyclerTimeout;
  readonly nfs: RecyclerTimeout;
}

export const RECYCLER_TIMEOUTS: RecyclerTimeouts = {
  hostPath: { minimumSeconds: 60, secondsPerGibibyte: 30 },
  nfs: { minimumSeconds: 300, secondsPerGibibyte: 30 },
};

export function recyclerName(volume: PersistentVolume): string {
  return `${PREFIX}${volume.metadata?.name ?? ''}`;
}

/** The name of the volume that a Pod recycles; undefined: it is no recycler. */
export function recycledVolume({ metadata }: Pod): string | undefined {
  const { name = '', namespace } = metadata ?? {};
  if (namespace !== RECYCLER_NAMESPACE || !name.startsWith(PREFIX)) return undefined;
  return name.slice(PREFIX.length);
}

export interface RecyclerWorld {
  readonly volume: PersistentVolume;
  /** The Pod of the recycler's name. */
  readonly pod: Pod | undefined;
  /** Whether it was made in this life of the controller, for this volume. */
  readonly isOurs: boolean;
  /** `namespace/name` of the Pods that use the volume still. */
  readonly users: readonly string[];
  readonly timeouts: RecyclerTimeouts;
}

export type RecyclerPlan =
  | { readonly do: 'wait' }
  | { readonly do: 'tell'; readonly tell: Told }
  | { readonly do: 'start'; readonly pod: Pod }
  /** The Pod, if there is one, goes. */
  | { readonly do: 'fail'; readonly tell: Told }
  | { readonly do: 'done'; readonly tell: Told };

export function planRecycler(world: RecyclerWorld): RecyclerPlan {
  const { volume, pod, isOurs, users } = world;
  if (users.length > 0) {
    const message = `Volume is used by pods: ${users.join(',')}`;
    return { do: 'tell', tell: { type: 'Normal', reason: 'VolumeFailedRecycle', message } };
  }
  const made = recyclerPod(volume, world.timeouts);
  if (made === undefined) return failure('No recycler plugin found for the volume!');
  if (!isOurs) {
    if (pod === undefined) return { do: 'start', pod: made };
    return failure(OLD_RECYCLER);
  }
  const failed = 'Recycle failed: failed to recycle volume: ';
  if (pod === undefined) return failure(`${failed}recycler pod was deleted`);
  const { phase, message = '' } = pod.status ?? {};
  if (phase === 'Failed')
    return failure(
      `${failed}${message === '' ? 'pod failed, pod.Status.Message unknown' : message}`,
    );
  if (phase !== 'Succeeded') return { do: 'wait' };
  const tell: Told = { type: 'Normal', reason: 'VolumeRecycled', message: 'Volume recycled' };
  return { do: 'done', tell };
}

function failure(message: string): RecyclerPlan {
  return { do: 'fail', tell: failureTold(message) };
}

function failureTold(message: string): Told {
  return { type: 'Warning', reason: 'VolumeFailedRecycle', message };
}

/** What is told of a Pod that cannot be made; the blanks are upstream's. */
export function recyclerRefused(error: unknown): Told {
  return failureTold(
    isAlreadyExists(error)
      ? OLD_RECYCLER
      : `Recycle failed: unexpected error creating recycler pod:  ${messageOf(error)}`,
  );
}

function recyclerPod(volume: PersistentVolume, timeouts: RecyclerTimeouts): Pod | undefined {
  const { hostPath, nfs } = volume.spec ?? {};
  if (hostPath !== undefined)
    return podOn(volume, { hostPath: { path: hostPath.path } }, timeouts.hostPath);
  if (nfs === undefined) return undefined;
  return podOn(volume, { nfs: { server: nfs.server, path: nfs.path } }, timeouts.nfs);
}

function podOn(
  volume: PersistentVolume,
  source: Omit<Volume, 'name'>,
  { minimumSeconds, secondsPerGibibyte }: RecyclerTimeout,
): Pod {
  const gibibytes = Math.floor(quantityValue(volume.spec?.capacity?.['storage'] ?? '0') / GIBIBYTE);
  const container = {
    name: 'pv-recycler',
    image: IMAGE,
    command: ['/bin/sh'],
    args: ['-c', SCRIPT],
    volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
  };
  return {
    metadata: { name: recyclerName(volume), namespace: RECYCLER_NAMESPACE },
    spec: {
      activeDeadlineSeconds: Math.max(minimumSeconds, gibibytes * secondsPerGibibyte),
      restartPolicy: 'Never',
      volumes: [{ name: 'vol', ...source }],
      containers: [container],
    },
  };
}
