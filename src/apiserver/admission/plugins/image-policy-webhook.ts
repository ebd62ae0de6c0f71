/**
 * ImagePolicyWebhook: a webhook says which images may run.
 *
 * Source: Kubernetes documentation, "Admission Control in Kubernetes"; upstream
 * plugin/pkg/admission/imagepolicy.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import { ExpiringCache } from '#base/expiring-cache.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import {
  imageReviewer,
  type ImageReviewSpec,
  type ImageReviewStatus,
} from '../image-policy/webhook.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PODS } from '../targets.ts';

/** So many answers are remembered. */
const ANSWERS_MAX = 1024;
/** Which annotations of a pod the webhook is told. */
const TOLD = '.image-policy.k8s.io/';
const AUDIT = 'imagepolicywebhook.image-policy.k8s.io/';

export function imagePolicyWebhook(services: AdmissionServices): AdmissionPlugin {
  const { environment, configuration } = services;
  const options = configuration?.imagePolicy;
  const ask = options && imageReviewer(services, options);
  const answers = new ExpiringCache<ImageReviewStatus>(ANSWERS_MAX, () =>
    environment.clock.monotonicMs(),
  );

  /** Undefined: the webhook was not to be asked, and that is no reason against the images. */
  const statusOf = async (
    attributes: Attributes,
    spec: ImageReviewSpec,
  ): Promise<ImageReviewStatus | undefined> => {
    if (options === undefined || ask === undefined)
      throw refusal(attributes, 'no config specified');
    const key = JSON.stringify(spec);
    const known = answers.get(key);
    if (known !== undefined) return known;
    try {
      const status = await ask(spec, attributes.signal);
      answers.set(key, status, status.allowed ? options.allowTtlMs : options.denyTtlMs);
      return status;
    } catch (error) {
      environment.log.info('image policy webhook did not answer', { error: messageOf(error) });
      if (!options.defaultAllow) throw refusal(attributes, messageOf(error));
      attributes.annotate(`${AUDIT}failed-open`, 'true');
      return undefined;
    }
  };

  return {
    name: 'ImagePolicyWebhook',
    async validate(attributes) {
      const spec = reviewOf(attributes);
      const status = spec === undefined ? undefined : await statusOf(attributes, spec);
      if (status === undefined) return;
      for (const [key, value] of Object.entries(status.auditAnnotations))
        attributes.annotate(AUDIT + key, value);
      if (status.allowed) return;
      throw refusal(
        attributes,
        status.reason === ''
          ? 'one or more images rejected by webhook backend'
          : `image policy webhook backend denied one or more images: ${status.reason}`,
      );
    },
  };
}

/** What to ask; undefined where no container is made or changed. */
function reviewOf(attributes: Attributes): ImageReviewSpec | undefined {
  const { operation, subresource, namespace } = attributes;
  if (!isFor(attributes, PODS) || !['', 'ephemeralcontainers'].includes(subresource))
    return undefined;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  const { metadata, spec } = attributes.object as Pod;
  const containers =
    subresource === ''
      ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
      : (spec?.ephemeralContainers ?? []);
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([key]) =>
    key.includes(TOLD),
  );
  return {
    containers: containers.map(({ image = '' }) => ({ image })),
    ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    namespace,
  };
}
