/**
 * Reads a `ResourceQuotaConfiguration`: what nobody may use without a quota that covers it.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/apis, v1.36.
 */
import { always, list, object, optional, STRING, TYPE_META } from '#api/component-config/fields.ts';
import type { ScopedResourceSelectorRequirement } from '#api/gen/core-v1.ts';
import { fieldPath, required } from '#api/meta/field.ts';
import type { LimitedResource } from '#api/quota/limited.ts';
import { typeByName } from '#api/schema/schema.ts';
import { configType, readStrictly, refuseErrors } from './fields.ts';

export type { LimitedResource } from '#api/quota/limited.ts';

const LIMITED = configType(
  'LimitedResource',
  optional('apiGroup', STRING),
  always('resource', STRING),
  optional('matchContains', list(STRING)),
  optional(
    'matchScopes',
    list(object(typeByName('io.k8s.api.core.v1.ScopedResourceSelectorRequirement'))),
  ),
);
const CONFIGURATION = configType(
  'ResourceQuotaConfiguration',
  ...TYPE_META,
  always('limitedResources', list(object(LIMITED), '[]v1.LimitedResource')),
);

interface Given {
  readonly apiGroup?: string;
  readonly resource?: string;
  readonly matchContains?: readonly string[];
  readonly matchScopes?: readonly ScopedResourceSelectorRequirement[];
}

/** Throws ConfigError. */
export function readResourceQuota(text: string): readonly LimitedResource[] {
  const { limitedResources = [] } = readStrictly(text, {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'ResourceQuotaConfiguration',
    type: CONFIGURATION,
    scheme: 'k8s.io/apiserver/pkg/admission/plugin/resourcequota/config.go:33',
    others: [
      'resourcequota.admission.k8s.io/v1beta1, Configuration',
      'resourcequota.admission.k8s.io/v1alpha1, Configuration',
    ],
  }) as { limitedResources?: readonly Given[] };
  const at = fieldPath('limitedResources');
  refuseErrors(
    limitedResources.flatMap(({ resource = '' }, i) =>
      resource === '' ? [required(at.index(i).child('resource'))] : [],
    ),
  );
  return limitedResources.map((given) => ({
    apiGroup: given.apiGroup ?? '',
    resource: given.resource ?? '',
    matchContains: given.matchContains ?? [],
    matchScopes: given.matchScopes ?? [],
  }));
}
