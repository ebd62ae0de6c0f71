/** Service. Upstream: pkg/registry/core/service/strategy.go, pkg/apis/core/v1/defaults.go. */
import type { Service } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, formatLabels, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import {
  validateService,
  validateServiceStatus,
  validateServiceUpdate,
} from '../validation/service.ts';
import { nameIsDnsLabel } from '../meta/names.ts';
import { isExternallyAccessible, wipeFieldsOfOldType } from './service-types.ts';
import { warnAboutService } from './service-warnings.ts';

const AFFINITY_SECONDS = 3 * 60 * 60;

function defaultAffinity(spec: NonNullable<Service['spec']>): void {
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (
    spec.sessionAffinity === 'ClientIP' &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  }
}

function setDefaults(service: Service): void {
  const spec = (service.spec ??= {});
  defaultAffinity(spec);
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    port.targetPort ||= port.port;
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? [])
    if (ingress.ip) ingress.ipMode ??= 'VIP';
}

const POLICIES: ReadonlySet<string | undefined> = new Set(['Cluster', 'Local']);

/** One of a type that has no traffic in the cluster is never shown; what is invalid is refused. */
function wipeInternalPolicy({ spec }: Service): void {
  if (spec?.type === 'ExternalName' && POLICIES.has(spec.internalTrafficPolicy))
    delete spec.internalTrafficPolicy;
}

function loadBalancerAddresses({ status }: Service): string[] {
  const found = (status?.loadBalancer?.ingress ?? []).map(
    ({ ip, hostname }) => ip || hostname || '',
  );
  return [...new Set(found)].filter((address) => address !== '').toSorted();
}

function externalIp(service: Service): string {
  const external = service.spec?.externalIPs ?? [];
  switch (service.spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || '<none>';
    case 'LoadBalancer':
      return [...loadBalancerAddresses(service), ...external].join(',') || '<pending>';
    case 'ExternalName':
      return service.spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function portsText({ spec }: Service): string {
  const ports = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol ?? ''}` : `${port}/${protocol ?? ''}`,
  );
  return ports.join(',') || '<none>';
}

export const SERVICE = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  schema: 'io.k8s.api.core.v1.Service',
  storagePrefix: 'services/specs',
  hasStatus: true,
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
    'spec.type': ({ spec }) => spec?.type ?? '',
  },
  columns: [
    NAME_COLUMN,
    column('Type', ({ spec }) => spec?.type ?? ''),
    column('Cluster-IP', ({ spec }) => spec?.clusterIPs?.[0] ?? '<none>'),
    column('External-IP', externalIp),
    column('Port(s)', portsText),
    AGE_COLUMN,
    wideColumn('Selector', ({ spec }) => formatLabels(spec?.selector)),
  ],
  validateName: nameIsDnsLabel,
  setDefaults,
  prepareForCreate: (service) => {
    service.status = { loadBalancer: {} };
    wipeInternalPolicy(service);
  },
  prepareForUpdate: (next, old) => {
    wipeFieldsOfOldType(next, old);
    wipeInternalPolicy(next);
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatus: validateServiceStatus,
  warn: warnAboutService,
});
