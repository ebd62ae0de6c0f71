/** Ingress. Upstream: pkg/registry/networking/ingress/strategy.go. */
import type { Ingress } from '#api/gen/networking-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateIngress,
  validateIngressCreate,
  validateIngressStatus,
} from '../validation/ingress.ts';

const HOSTS_MAX = 3;

/** The first hosts of the rules; `*` when none is named. */
function hosts({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const named: string[] = [];
  let more = false;
  for (const { host } of rules) {
    if (named.length === HOSTS_MAX) more = true;
    if (!more && host) named.push(host);
  }
  if (named.length === 0) return '*';
  return more ? `${named.join(',')} + ${rules.length - HOSTS_MAX} more...` : named.join(',');
}

function addresses({ status }: Ingress): string {
  const found = (status?.loadBalancer?.ingress ?? []).map(
    ({ ip, hostname }) => ip || hostname || '',
  );
  return [...new Set(found)]
    .filter((address) => address !== '')
    .toSorted()
    .join(',');
}

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

function warnAboutClass({ metadata, spec }: Ingress): string[] {
  const isNamed = metadata?.annotations?.[CLASS_ANNOTATION] !== undefined;
  return isNamed && spec?.ingressClassName === undefined
    ? [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`]
    : [];
}

export const INGRESS = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  namespaced: true,
  schema: 'io.k8s.api.networking.v1.Ingress',
  storagePrefix: 'ingress',
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Class', ({ spec }) => spec?.ingressClassName ?? '<none>'),
    column('Hosts', hosts),
    column('Address', addresses),
    column('Ports', ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80')),
    AGE_COLUMN,
  ],
  prepareForCreate: (ingress) => {
    ingress.status = { loadBalancer: {} };
  },
  validate: validateIngress,
  validateCreate: validateIngressCreate,
  validateStatus: validateIngressStatus,
  warn: (next, old) => (old === undefined ? warnAboutClass(next) : []),
});
