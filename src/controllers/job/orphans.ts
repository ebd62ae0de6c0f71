/**
 * Pods that have the tracking finalizer, and no Job that would ever remove it: their Job is gone or
 * finished, or they were orphaned. Without this they would stay for ever.
 *
 * Upstream: syncOrphanPod in pkg/controller/job/job_controller.go, v1.36.
 */
import { JOB } from '#api/batch/job.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { apiVersionOf, controllerOf } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { type Informer, keyFor } from '#client/informer.ts';
import { releasePod } from './pod-writes.ts';
import { isTracked } from './pods.ts';
import { isFinished, isManagedElsewhere } from './questions.ts';

/** Uids of Jobs that are known to be gone; beyond this the oldest is asked for again. */
const GONE_MAX = 1_000;

export class OrphanPods {
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #gone = new Set<string>();

  constructor(caches: { readonly jobs: Informer<Job>; readonly pods: Informer<Pod> }) {
    this.#jobs = caches.jobs;
    this.#pods = caches.pods;
  }

  /** The cache has seen this Job's end. */
  jobGone(uid: string): void {
    this.#gone.add(uid);
    if (this.#gone.size <= GONE_MAX) return;
    for (const oldest of this.#gone) {
      this.#gone.delete(oldest);
      return;
    }
  }

  /** As far as the caches know: whether `release` should look at this Pod. */
  mayBeOrphan(pod: Pod): boolean {
    if (!isTracked(pod)) return false;
    const owner = controllerOf(pod);
    if (owner === undefined) return true;
    if (!isJob(owner)) return false;
    const job = this.#jobOf(pod, owner);
    return job === undefined || (isFinished(job) && !isManagedElsewhere(job));
  }

  /** Removes the finalizer of the Pod under this key, if nobody else will. */
  async release(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !this.mayBeOrphan(pod)) return;
    const owner = controllerOf(pod);
    if (owner !== undefined && (await this.#isKept(pod, owner, client))) return;
    await releasePod(pod, client);
  }

  /** A cache that is behind has not seen the Job yet: only the server knows that it is gone. */
  async #isKept(
    pod: Pod,
    owner: { readonly name: string; readonly uid: string },
    client: Client,
  ): Promise<boolean> {
    if (this.#jobOf(pod, owner) !== undefined || this.#gone.has(owner.uid)) return false;
    const live = await client
      .get(JOB, owner.name, pod.metadata?.namespace)
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    if (live?.metadata?.uid === owner.uid) return !isFinished(live) || isManagedElsewhere(live);
    this.jobGone(owner.uid);
    return false;
  }

  #jobOf(
    pod: Pod,
    { name, uid }: { readonly name: string; readonly uid: string },
  ): Job | undefined {
    const job = this.#jobs.get(keyFor(name, pod.metadata?.namespace));
    return job?.metadata?.uid === uid ? job : undefined;
  }
}

function isJob({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): boolean {
  return kind === JOB.kind && apiVersion === apiVersionOf(JOB);
}
