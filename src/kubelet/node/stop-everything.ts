/** The end of a node: nothing of ours may remain but the state on disk. */
import { isAnythingAlive } from '../pod/observed.ts';
import type { NodeContext } from '../pod/node-context.ts';

const GRACE_SECONDS = 2;

/** `rootDirectory`: below it lie the mounts of pods. */
export async function stopEverything(
  { cache, cgroups, cri, mounter, volumes }: NodeContext,
  rootDirectory: string,
): Promise<void> {
  await cache.relist();
  await Promise.allSettled(
    cache.list().map(async (observed) => {
      if (isAnythingAlive(observed)) {
        const running = observed.containers.filter(({ state }) => state === 'running');
        await Promise.all(
          running.map(({ id }) =>
            cri.call('stopContainer', { containerId: id, timeout: GRACE_SECONDS }),
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
