/**
 * Keeps the runtime cache up to date: by the runtime's events where it has any, and by listing.
 *
 * In order: container events of CRI (containerd 1.7 and later), exits from containerd's own event
 * service, nothing. What falls out of a broken stream is found by the listing after it.
 */
import { type Environment, sleep } from '#base/env.ts';
import { GRPC_CODE, type GrpcChannel, GrpcError } from '#base/grpc.ts';
import { watchContainerdExits } from './containerd-events.ts';
import type { Cri } from './cri.ts';
import type { ObservedPod } from '../pod/observed.ts';
import type { RuntimeCache } from './runtime-cache.ts';

/** Listing is the only source; as upstream's generic PLEG. */
const RELIST_MS = 1000;
/** Listing is a safety net. */
const RELIST_WITH_EVENTS_MS = 10_000;
/** containerd tells an exit before its CRI plug-in has it in its answers. */
const SETTLE_DELAYS_MS = [0, 10, 20, 40, 80, 160, 320, 640];
/** A stream that broke is opened again after this. */
const REOPEN_MS = 1000;

export interface RuntimeWatchOptions {
  readonly environment: Environment;
  readonly cri: Cri;
  readonly channel: GrpcChannel;
  readonly cache: RuntimeCache;
  /** Told at each turn of the loop. */
  readonly onTurn?: () => void;
}

/** Runs until `signal` is aborted. The caller has made the first listing. */
export async function watchRuntime(
  options: RuntimeWatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { environment, cache } = options;
  const state = { hasEvents: false };
  const events = followEvents(options, state, signal);
  while (!signal.aborted) {
    await sleep(environment, state.hasEvents ? RELIST_WITH_EVENTS_MS : RELIST_MS, signal);
    if (signal.aborted) break;
    options.onTurn?.();
    await cache.relist().catch((error: unknown) => {
      environment.log.warn('cannot list containers', { error: String(error) });
    });
  }
  await events;
}

async function followEvents(
  options: RuntimeWatchOptions,
  state: { hasEvents: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { environment, cri, channel } = options;
  const sources = [
    () =>
      cri.watchEvents(({ podSandboxStatus }) => {
        const uid = podSandboxStatus?.metadata?.uid;
        // What a failed look misses, the next listing finds.
        if (uid !== undefined) options.cache.refresh(uid).catch(() => {});
      }, signal),
    () =>
      watchContainerdExits(
        channel,
        (containerId) => {
          settle(options, containerId, signal).catch(() => {});
        },
        signal,
      ),
  ];
  while (!signal.aborted) {
    const [source] = sources;
    if (source === undefined) {
      state.hasEvents = false;
      return;
    }
    state.hasEvents = true;
    try {
      await source();
    } catch (error) {
      const absent = error instanceof GrpcError && error.code === GRPC_CODE.unimplemented;
      if (absent) {
        sources.shift();
        continue;
      }
    }
    state.hasEvents = false;
    await sleep(environment, REOPEN_MS, signal);
  }
}

/**
 * Looks until the listing shows what the event told. A container that ends at once does so before
 * its start has been answered: then its pod is not known at first. Nor is that of one that is gone.
 */
async function settle(
  { environment, cache }: RuntimeWatchOptions,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  for (const delayMs of SETTLE_DELAYS_MS) {
    if (delayMs > 0) await sleep(environment, delayMs, signal);
    if (signal.aborted) return;
    const uid = cache.podOf(containerId);
    if (uid === undefined) continue;
    // Who has ended it may have looked already.
    if (hasEnded(cache.get(uid), containerId)) return;
    if (hasEnded(await cache.refresh(uid), containerId)) return;
  }
}

/** `id`: of a container or sandbox. */
function hasEnded({ containers, sandboxes }: ObservedPod, id: string): boolean {
  const container = containers.find((one) => one.id === id);
  const sandbox = sandboxes.find((one) => one.id === id);
  return container?.state === 'exited' || sandbox?.ready === false;
}
