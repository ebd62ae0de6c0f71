/**
 * Custom objects from one version to another by the definition's webhook.
 *
 * Source: API reference apiextensions/v1, ConversionReview; upstream
 * apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go for checks and messages.
 */
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { WebhookConversion } from '#api/gen/apiextensions-v1.ts';
import { isJsonObject } from '#api/meta/json.ts';
import {
  apiVersionOf,
  type JsonObject,
  type KubeObject,
  parseApiVersion,
} from '#api/meta/object.ts';
import { plainError } from '#api/meta/status.ts';
import type { WebhookRoad } from '../webhooks/locate.ts';
import { postJson } from '../webhooks/post-json.ts';

/** Upstream's limit for calls of webhooks that set none of their own. */
const TIMEOUT_MS = 30_000;
const REVIEWS = ['v1', 'v1beta1'];
const GROUP = 'apiextensions.k8s.io';

export interface ConversionServices {
  readonly environment: Environment;
  /** The road to the webhook, and the path to ask there. Throws when the Service has nobody. */
  locate(webhook: WebhookConversion): WebhookRoad;
}

/** Answers `objects`, none of which is of `apiVersion`, in that version and in their order. */
export async function convertByWebhook(
  services: ConversionServices,
  webhook: WebhookConversion,
  objects: readonly KubeObject[],
  apiVersion: string,
): Promise<KubeObject[]> {
  const [first] = objects;
  if (first === undefined) return [];
  const about = describe(first);
  const uid = services.environment.random.uuid();
  let answered: unknown[];
  try {
    const review = reviewOf(webhook, { uid, desiredAPIVersion: apiVersion, objects });
    answered = convertedIn(await ask(services, webhook, review), review.apiVersion, uid);
  } catch (error) {
    throw plainError(`conversion webhook for ${about} failed: ${messageOf(error)}`);
  }
  if (answered.length !== objects.length)
    throw plainError(
      `conversion webhook for ${about} returned ${answered.length} objects, expected ${objects.length}`,
    );
  return objects.map((original, index) => {
    const converted = answered[index];
    const fault = faultOf(original, converted, apiVersion);
    if (fault !== undefined)
      throw plainError(
        `conversion webhook for ${about} returned invalid converted object at index ${index}: ${fault}`,
      );
    return withOwnMetadata(original, converted as KubeObject);
  });
}

function describe({ apiVersion = '', kind = '' }: KubeObject): string {
  return `${apiVersionOf(parseApiVersion(apiVersion))}, Kind=${kind}`;
}

interface ConversionRequest {
  readonly uid: string;
  readonly desiredAPIVersion: string;
  readonly objects: readonly KubeObject[];
}

function reviewOf({ conversionReviewVersions }: WebhookConversion, request: ConversionRequest) {
  const version = conversionReviewVersions.find((one) => REVIEWS.includes(one));
  if (version === undefined) throw new Error('no supported conversion review versions');
  return { kind: 'ConversionReview', apiVersion: `${GROUP}/${version}`, request };
}

async function ask(
  services: ConversionServices,
  webhook: WebhookConversion,
  review: object,
): Promise<unknown> {
  const road = services.locate(webhook);
  const query = `${road.url.includes('?') ? '&' : '?'}timeout=${TIMEOUT_MS / 1000}s`;
  return postJson(services.environment, { road, query, timeoutMs: TIMEOUT_MS }, review);
}

function convertedIn(answer: unknown, apiVersion: string, uid: string): unknown[] {
  const review = answer as {
    readonly kind?: string;
    readonly apiVersion?: string;
    readonly response?: {
      readonly uid?: string;
      readonly convertedObjects?: readonly unknown[];
      readonly result?: { readonly status?: string; readonly message?: string };
    };
  };
  const isV1 = apiVersion === `${GROUP}/v1`;
  if (isV1 && (review.kind !== 'ConversionReview' || review.apiVersion !== apiVersion))
    throw new Error(
      `expected webhook response of ${GROUP}/v1, Kind=ConversionReview, got ${review.apiVersion ?? ''}, Kind=${review.kind ?? ''}`,
    );
  const { response } = review;
  if (response === undefined) throw new Error('no response provided');
  if (isV1 && response.uid !== uid)
    throw new Error(`expected response.uid="${uid}", got "${response.uid ?? ''}"`);
  const { status = '', message = '' } = response.result ?? {};
  if (status !== 'Success')
    throw new Error(
      message === '' ? `response.result.status was '${status}', not 'Success'` : message,
    );
  return [...(response.convertedObjects ?? [])];
}

/** What a webhook must leave as it is. */
function faultOf(original: KubeObject, converted: unknown, apiVersion: string): string | undefined {
  if (typeof converted !== 'object' || converted === null) return 'no object';
  const next = converted as KubeObject;
  if (next.apiVersion !== apiVersion)
    return `invalid groupVersion (expected ${apiVersion}, received ${next.apiVersion ?? ''})`;
  if (next.kind !== original.kind)
    return `invalid kind (expected ${original.kind ?? ''}, received ${next.kind ?? ''})`;
  if (!isJsonObject((next as JsonObject)['metadata'] ?? null))
    return 'missing metadata in converted object';
  for (const [field, word] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const before = original.metadata?.[field] ?? '';
    const after = next.metadata?.[field] ?? '';
    if (before !== after) return `must have the same ${word}: ${before} != ${after}`;
  }
  return undefined;
}

/** Of the metadata, a webhook may change labels and annotations alone. */
function withOwnMetadata(original: KubeObject, converted: KubeObject): KubeObject {
  const { labels: _, annotations: __, ...own } = original.metadata ?? {};
  const { labels, annotations } = converted.metadata ?? {};
  return {
    ...converted,
    metadata: {
      ...own,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
