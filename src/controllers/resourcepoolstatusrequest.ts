/**
 * Resource pool status: counts, for each ResourcePoolStatusRequest, the devices of a driver's pools
 * and those of them that are given out; once. Requests are removed an hour after their answer, or a
 * day after they were made.
 *
 * A pool of which slices are missing is waited for, for a few tries; then its request is left
 * without an answer.
 *
 * Upstream: pkg/controller/resourcepoolstatusrequest, v1.36; KEP-5677.
 */
import type { ResourcePoolStatusRequest } from '#api/gen/resource-v1alpha3.ts';
import { isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { alpha, exponentialBuckets, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { isOver, planStatus } from './resourcepoolstatusrequest/plan.ts';
import {
  RESOURCE_CLAIM,
  RESOURCE_POOL_STATUS_REQUEST,
  RESOURCE_SLICE,
} from './shared/device-types.ts';

/** No request can be called so. */
const CLEAN_UP = '/clean-up';
const CLEAN_UP_EVERY_MS = 10 * 60_000;
/** Tries after the first one, each twice as long after the one before. */
const RETRIES_MAX = 5;
const RETRY_MS = 5;

const SUBSYSTEM = 'resourcepoolstatusrequest_controller';
const DRIVER = 'driver_name';
const PROCESSED = alpha(`${SUBSYSTEM}_requests_processed_total`, 'Answers given.', DRIVER);
const ERRORS = alpha(
  `${SUBSYSTEM}_request_processing_errors_total`,
  'Answers that could not be written.',
  DRIVER,
);
const SECONDS = alpha(
  `${SUBSYSTEM}_request_processing_duration_seconds`,
  'How long it took to give an answer.',
  DRIVER,
);

export const resourcePoolStatusController: Controller = defineKeyController({
  name: 'resourcepoolstatusrequest-controller',
  queue: 'resourcepoolstatusrequest',
  concurrency: 1,
  create: (setup) => {
    const requests = setup.watch(RESOURCE_POOL_STATUS_REQUEST, ({ key }) => [key]);
    const slices = setup.watch(RESOURCE_SLICE);
    const claims = setup.watch(RESOURCE_CLAIM);
    const answers = metricsOf(setup.metrics);
    /** Of requests whose pools are not whole. */
    const retries = new Map<string, number>();
    setup.enqueue(CLEAN_UP);
    return async (key, { client }): Promise<Result> => {
      if (key === CLEAN_UP) return cleanUp(setup, requests);
      const request = requests.get(key);
      if (request === undefined || request.status !== undefined) {
        retries.delete(key);
        return {};
      }
      const { clock } = setup.environment;
      const startMs = clock.monotonicMs();
      const world = { slices: slices.list(), claims: claims.list() };
      const status = planStatus(request, world, clock.now());
      if (status === undefined) return retry(key, retries);
      retries.delete(key);
      const driver = request.spec?.driver ?? '';
      try {
        await client.update(RESOURCE_POOL_STATUS_REQUEST, { ...request, status }, 'status');
      } catch (error) {
        answers.errors.add([driver]);
        throw error;
      } finally {
        answers.seconds.observe([driver], (clock.monotonicMs() - startMs) / 1000);
        answers.processed.add([driver]);
      }
      return {};
    };
  },
});

function metricsOf(registry: MetricRegistry) {
  return {
    processed: registry.counter(PROCESSED),
    errors: registry.counter(ERRORS),
    seconds: registry.histogram(SECONDS, exponentialBuckets(0.001, 2, 15)),
  };
}

function retry(key: string, retries: Map<string, number>): Result {
  const before = retries.get(key) ?? 0;
  if (before >= RETRIES_MAX) {
    retries.delete(key);
    return {};
  }
  retries.set(key, before + 1);
  return { requeueAfterMs: RETRY_MS * 2 ** before };
}

async function cleanUp(
  { client, environment, log }: Pick<Setup, 'environment' | 'log'> & { readonly client: Client },
  requests: Informer<ResourcePoolStatusRequest>,
): Promise<Result> {
  const nowMs = environment.clock.now();
  for (const { metadata } of requests.list().filter((request) => isOver(request, nowMs))) {
    const { name = '', uid = '' } = metadata ?? {};
    try {
      await client.delete(RESOURCE_POOL_STATUS_REQUEST, { name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error))
        log.warn('cannot delete an expired request', { request: name, error: messageOf(error) });
    }
  }
  return { requeueAfterMs: CLEAN_UP_EVERY_MS };
}
