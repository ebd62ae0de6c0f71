/**
 * The writes of a pass to Pods. All of a list are tried; failures come out together.
 *
 * Upstream: deleteActivePods, deleteJobPods and removeTrackingFinalizerFromPods in
 * pkg/controller/job/job_controller.go, v1.36.
 */
import { POD } from '#api/core/pod.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { asError, slowStart } from '#reconcile/slow-start.ts';
import { createPod, deletePod, type Writer } from '../shared/pod-control.ts';
import { podOf } from './pod-template.ts';
import { isTracked, TRACKING_FINALIZER } from './pods.ts';

export interface Outcome {
  /** Those for which it went well. */
  readonly done: readonly Pod[];
  /** The first failure. */
  readonly failure: Error | undefined;
}

async function forEach(pods: readonly Pod[], write: (pod: Pod) => Promise<void>): Promise<Outcome> {
  const outcomes = await Promise.allSettled(pods.map(write));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  return {
    done: pods.filter((_, i) => outcomes[i]?.status === 'fulfilled'),
    failure: failed === undefined ? undefined : asError(failed.reason),
  };
}

/** Of a Job that ends: the finalizers stay until the Pods are counted. */
export function deletePods(pods: readonly Pod[], job: Job, writer: Writer): Promise<Outcome> {
  return forEach(pods, (pod) => deletePod(pod, job, writer));
}

/**
 * Of a Job that goes on with fewer Pods: they are not counted as failures. One that has changed
 * since it was looked at may have ended, and is let be.
 */
export function discardPods(pods: readonly Pod[], job: Job, writer: Writer): Promise<Outcome> {
  return forEach(pods, async (pod) => {
    await releasePod(pod, writer.client, pod.metadata?.resourceVersion);
    await deletePod(pod, job, writer);
  });
}

export function releasePods(pods: readonly Pod[], client: Client): Promise<Outcome> {
  return forEach(pods, (pod) => releasePod(pod, client));
}

/** Removes the finalizer, of that revision alone when one is given; a Pod that is gone has none. */
export async function releasePod(
  pod: Pod,
  client: Client,
  resourceVersion?: string,
): Promise<void> {
  if (!isTracked(pod)) return;
  const { name = '', namespace = '', uid } = pod.metadata ?? {};
  const only = resourceVersion === undefined ? { uid } : { uid, resourceVersion };
  const patch = {
    metadata: { ...only, '$deleteFromPrimitiveList/finalizers': [TRACKING_FINALIZER] },
  };
  try {
    await client.patch(POD, { name, namespace }, 'strategic', patch);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Creates a Pod for each index (undefined: without), few at first. */
export async function createPods(
  indexes: readonly (number | undefined)[],
  job: Job,
  { writer, waiting }: { readonly writer: Writer; readonly waiting: ReadonlyMap<number, Pod> },
): Promise<{
  readonly created: number;
  readonly failed: number;
  readonly failure: Error | undefined;
}> {
  const { succeeded, failed, failure } = await slowStart(indexes.length, (nth) => {
    const index = indexes[nth];
    const replaced = index === undefined ? undefined : waiting.get(index);
    return createPod(podOf(job, index, replaced), job, writer);
  });
  return { created: succeeded, failed, failure };
}
