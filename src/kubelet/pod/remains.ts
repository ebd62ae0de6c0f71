/**
 * What is left of pods: of those that the API forgot while nobody looked, and of all when the node
 * ends.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { rememberedPod } from '../cri/labels.ts';
import type { NodeContext } from './node-context.ts';
import { isAnythingAlive } from './observed.ts';

/** A container that runs when the node ends has so many seconds. */
const END_GRACE_SECONDS = 2;

/** A pod that the API forgot, from what was written on its containers. */
export async function podFromRuntime(
  { cri, cache }: Pick<NodeContext, 'cri' | 'cache'>,
  uid: string,
): Promise<Pod> {
  const { name, namespace, containers } = cache.get(uid);
  let pod: Pod = { metadata: { name, namespace, uid }, spec: { containers: [] } };
  for (const { id } of containers) {
    const { status } = await cri.call('containerStatus', { containerId: id });
    const found = rememberedPod(status?.labels ?? {}, status?.annotations ?? {});
    pod = {
      ...found.pod,
      spec: {
        ...found.pod.spec,
        containers: [...(pod.spec?.containers ?? []), found.container],
      },
    };
  }
  return pod;
}

/** Folders of `logRoot` whose names end with the uid of a pod that is not known. */
export async function removeOrphanLogs(
  fileSystem: FileSystem,
  logRoot: string,
  isKnown: (uid: string) => boolean,
): Promise<void> {
  for (const name of await fileSystem.list(logRoot).catch(() => [])) {
    const uid = name.split('_').at(-1) ?? '';
    if (!isKnown(uid)) await fileSystem.remove(`${logRoot}/${name}`).catch(() => {});
  }
}

/** For the end of the node: nothing of ours may remain but the state on disk. */
export async function stopEverything(
  {
    cache,
    cgroups,
    cri,
    mounter,
    volumes,
  }: Pick<NodeContext, 'cache' | 'cgroups' | 'cri' | 'mounter' | 'volumes'>,
  rootDirectory: string,
): Promise<void> {
  await cache.relist();
  await Promise.allSettled(
    cache.list().map(async (observed) => {
      if (isAnythingAlive(observed)) {
        const running = observed.containers.filter(({ state }) => state === 'running');
        await Promise.all(
          running.map(({ id }) =>
            cri.call('stopContainer', { containerId: id, timeout: END_GRACE_SECONDS }),
          ),
        );
      }
      for (const { id } of observed.sandboxes) {
        await cri.call('stopPodSandbox', { podSandboxId: id });
      }
    }),
  );
  await mounter.unmountBelow(`${rootDirectory}/pods`);
  await volumes.stop();
  await cgroups?.removeAll();
}
