/**
 * Images that are volumes: pulled before the container that mounts them is made. What the runtime
 * cannot mount is refused in words; upstream leaves it to the runtime, and a containerd that does not
 * know of parts of images mounts the whole without one.
 *
 * Source: KEP-4639; API reference v1.36, ImageVolumeSource. Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_manager.go (getImageVolumes, toKubeContainerImageVolumes).
 */
import type { ImageSpec, PodSandboxConfig } from '#api/gen/cri-v1.ts';
import type { Container, Pod, Volume } from '#api/gen/core-v1.ts';
import type { PodEvents } from '../events.ts';
import type { NodeContext } from '../pod/node-context.ts';
import type { ImageEvent } from './image-puller.ts';
import { StartError } from '../pod/start-error.ts';

export interface ImageVolumesRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly sandboxConfig: PodSandboxConfig;
  readonly events: PodEvents;
  readonly signal: AbortSignal;
}

/** By name of the volume, those that the container mounts. Rejects with StartError. */
export async function pullImageVolumes(
  { images, runtime }: Pick<NodeContext, 'images' | 'runtime'>,
  request: ImageVolumesRequest,
): Promise<Map<string, ImageSpec>> {
  const { pod, events } = request;
  const found = new Map<string, ImageSpec>();
  for (const { name, image: source } of wantedVolumes(request)) {
    const lacking = !runtime.hasImageVolumes
      ? 'cannot mount images, containerd can from 2.1 on'
      : !runtime.hasImageSubPaths && hasSubPath(request, name)
        ? 'cannot mount a part of an image (subPath), containerd can from 2.2 on'
        : undefined;
    if (lacking !== undefined) {
      const message = `cannot mount image volume "${name}": the runtime ${runtime.version} ${lacking}`;
      throw new StartError('CreateContainerConfigError', message);
    }
    const { reference = '', pullPolicy } = source;
    const tell = ({ type, reason, message }: ImageEvent): void => events.pod(type, reason, message);
    const { ref } = await images.ensure({ ...request, pod, image: reference, pullPolicy, tell });
    found.set(name, { image: ref, userSpecifiedImage: reference });
  }
  return found;
}

type ImageVolume = Volume & Required<Pick<Volume, 'image'>>;

function wantedVolumes({ pod, container }: ImageVolumesRequest): ImageVolume[] {
  const mounted = new Set((container.volumeMounts ?? []).map(({ name }) => name));
  return (pod.spec?.volumes ?? []).filter(
    (volume): volume is ImageVolume => volume.image !== undefined && mounted.has(volume.name),
  );
}

function hasSubPath({ container }: ImageVolumesRequest, volume: string): boolean {
  return (container.volumeMounts ?? []).some(
    ({ name, subPath = '', subPathExpr = '' }) => name === volume && subPath + subPathExpr !== '',
  );
}
