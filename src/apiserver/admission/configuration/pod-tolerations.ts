/**
 * Reads the configuration of PodTolerationRestriction.
 *
 * Source: upstream plugin/pkg/admission/podtolerationrestriction/apis, v1.36.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { list, object, optional, TYPE_META } from '#api/component-config/fields.ts';
import type { Toleration } from '#api/gen/core-v1.ts';
import { fieldPath } from '#api/meta/field.ts';
import { typeByName } from '#api/schema/schema.ts';
import { validateTolerations } from '#api/validation/scheduling.ts';
import { configType, readStrictly } from './fields.ts';

/** Of pods in namespaces that have none of their own. */
export interface PodTolerationOptions {
  /** What each pod gets. */
  readonly default: readonly Toleration[];
  /** What a pod may have; anything while it is empty. */
  readonly whitelist: readonly Toleration[];
}

const TOLERATIONS = list(object(typeByName('io.k8s.api.core.v1.Toleration')), '[]v1.Toleration');
const CONFIGURATION = configType(
  'Configuration',
  ...TYPE_META,
  optional('default', TOLERATIONS),
  optional('whitelist', TOLERATIONS),
);

/** Throws ConfigError. */
export function readPodTolerations(text: string): PodTolerationOptions {
  const given = readStrictly(text, {
    apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
    kind: 'Configuration',
    type: CONFIGURATION,
    scheme: 'pkg/admission/podtolerationrestriction/config.go:33',
  }) as Partial<PodTolerationOptions>;
  const at = fieldPath('podtolerationrestriction');
  const errors = (['default', 'whitelist'] as const).flatMap((field) =>
    validateTolerations([...(given[field] ?? [])], at.child(field)),
  );
  if (errors.length > 0)
    throw new ConfigError(`invalid config: [${errors.map((error) => error.text()).join(' ')}]`);
  return { default: given.default ?? [], whitelist: given.whitelist ?? [] };
}
