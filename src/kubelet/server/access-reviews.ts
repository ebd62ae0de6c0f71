/**
 * Whether somebody may do something with the kubelet, as the API server says.
 *
 * Source: Kubernetes documentation "Kubelet authentication/authorization" v1.36
 * (`authorization.webhook`); a yes and a no are kept for as long as it says.
 */
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import type { Clock } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { KubeletAccess } from './access.ts';

/** Answers that are kept; the oldest goes. */
const ANSWERS_MAX = 1000;

export interface AccessReviewsOptions {
  readonly client: Pick<Client, 'create'>;
  readonly clock: Clock;
  readonly allowedMs: number;
  readonly refusedMs: number;
}

export class AccessReviews {
  readonly #options: AccessReviewsOptions;
  readonly #answers = new Map<string, { readonly untilMs: number; readonly isAllowed: boolean }>();

  constructor(options: AccessReviewsOptions) {
    this.#options = options;
  }

  /** Rejects when the API server does not answer. */
  async mayAccess(access: KubeletAccess): Promise<boolean> {
    const { clock, allowedMs, refusedMs } = this.#options;
    const key = JSON.stringify(access);
    const known = this.#answers.get(key);
    if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.isAllowed;
    const isAllowed = await this.#review(access);
    this.#answers.delete(key);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= ANSWERS_MAX && oldest !== undefined) this.#answers.delete(oldest);
    const untilMs = clock.monotonicMs() + (isAllowed ? allowedMs : refusedMs);
    this.#answers.set(key, { untilMs, isAllowed });
    return isAllowed;
  }

  async #review({ user, verb, subresource, nodeName }: KubeletAccess): Promise<boolean> {
    const review = await this.#options.client.create(SUBJECT_ACCESS_REVIEW, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: user.name,
        groups: [...user.groups],
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
      },
      status: { allowed: false },
    });
    return review.status?.allowed === true;
  }
}
