/** Waits for the runtime at the start. */
import { type Environment, sleep } from '#base/env.ts';
import type { Cri } from '../cri/cri.ts';

const RETRY_MS = 50;

/** Its name and version (`containerd://1.6.20`). Rejects once `signal` is aborted. */
export async function findRuntime(
  cri: Pick<Cri, 'call'>,
  environment: Environment,
  signal: AbortSignal,
): Promise<string> {
  while (!signal.aborted) {
    try {
      const { runtimeName = '', runtimeVersion = '' } = await cri.call('version', {});
      return `${runtimeName}://${runtimeVersion}`;
    } catch (error) {
      environment.log.debug('runtime does not answer', { error: String(error) });
      await sleep(environment, RETRY_MS, signal);
    }
  }
  throw new Error('Cannot start kubelet: it was stopped');
}
