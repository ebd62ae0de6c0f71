/**
 * The webhook of ImagePolicyWebhook: what it is asked, and what it says.
 *
 * Source: API reference, imagepolicy.k8s.io/v1alpha1; upstream plugin/pkg/admission/imagepolicy,
 * v1.36.
 */
import type { JsonObject } from '#api/meta/object.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Environment } from '#base/env.ts';
import type { BackendConnector } from '../../proxy/transport.ts';
import { ReviewClient } from '../../webhooks/review-endpoint.ts';
import type { ImagePolicyOptions } from '../configuration/image-policy.ts';

const API_VERSION = 'imagepolicy.k8s.io/v1alpha1';
const TIMEOUT_MS = 30_000;

export interface ImageReviewSpec {
  readonly containers: readonly { readonly image: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly namespace: string;
}

export interface ImageReviewStatus {
  readonly allowed: boolean;
  readonly reason: string;
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** Asks; what it answers rejects with an error that says why there is no answer. */
export type AskForImages = (
  spec: ImageReviewSpec,
  signal: AbortSignal | undefined,
) => Promise<ImageReviewStatus>;

export function imageReviewer(
  doors: { readonly environment: Environment; readonly backends: BackendConnector },
  { webhook, retryBackoffMs }: Pick<ImagePolicyOptions, 'webhook' | 'retryBackoffMs'>,
): AskForImages {
  const { host, port, path, tls, token } = webhook;
  const client = new ReviewClient({
    ...doors,
    endpoint: {
      backend: { host, port, ...(tls === undefined ? {} : { tls }) },
      path,
      ...(token === undefined ? {} : { token: () => token }),
    },
    timeoutMs: TIMEOUT_MS,
    firstDelayMs: retryBackoffMs,
  });
  return async (spec, signal) => {
    const review = { kind: 'ImageReview', apiVersion: API_VERSION, metadata: {}, spec };
    const { allowed, reason, auditAnnotations } = await client.ask(review, { signal });
    return {
      allowed: allowed === true,
      reason: typeof reason === 'string' ? reason : '',
      auditAnnotations: textsIn(auditAnnotations),
    };
  };
}

function textsIn(value: JsonObject[string] | undefined): Record<string, string> {
  if (value === undefined || !isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}
