/** APIService: a group and version served here, or by another server. Upstream: kube-aggregator. */
import type { APIService } from '#api/gen/apiregistration-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { timeText } from '../meta/time.ts';
import { validateApiService, validateApiServiceStatus } from '../validation/api-service.ts';
import { isPathSegmentName } from '../meta/names.ts';

const HTTPS_PORT = 443;

function available({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (condition === undefined) return 'Unknown';
  if (condition.status === 'True' || !condition.reason) return condition.status;
  return `${condition.status} (${condition.reason})`;
}

export const API_SERVICE = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  hasStatus: true,
  countsGeneration: false,
  columns: [
    NAME_COLUMN,
    column('Service', ({ spec }) =>
      spec?.service === undefined
        ? 'Local'
        : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`,
    ),
    column('Available', available),
    AGE_COLUMN,
  ],
  validateName: isPathSegmentName,
  setDefaults: ({ spec }) => {
    if (spec?.service !== undefined) spec.service.port ??= HTTPS_PORT;
  },
  prepareForCreate: (service, { nowMs }) => {
    service.status = {};
    if (service.spec?.service !== undefined) return;
    service.status.conditions = [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: timeText(nowMs),
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ];
  },
  validate: validateApiService,
  validateStatus: validateApiServiceStatus,
});
