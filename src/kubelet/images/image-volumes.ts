/**
 * Images that are volumes: pulled before the container that mounts them is made.
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
    if (!runtime.hasImageVolumes)
      throw new StartError('CreateContainerConfigError', lack(name, runtime));
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

function lack(volume: string, { version }: Pick<NodeContext['runtime'], 'version'>): string {
  return `cannot mount image volume "${volume}": the runtime ${version} cannot mount images, containerd can from 2.1 on`;
}
