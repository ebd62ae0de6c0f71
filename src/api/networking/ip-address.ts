/** IPAddress: who holds an address of the Service range. Upstream: pkg/registry/networking/ipaddress. */
import type { IPAddress } from '#api/gen/networking-v1.ts';
import { defineKind } from '../kind.ts';
import { column, NAME_COLUMN } from '../meta/columns.ts';
import { groupResourceName } from '../meta/object.ts';
import {
  nameIsIpAddress,
  validateIpAddress,
  validateIpAddressUpdate,
} from '../validation/service-range.ts';

function parent({ spec }: IPAddress): string {
  const reference = spec?.parentRef;
  if (reference === undefined) return '<none>';
  const kind = groupResourceName({
    group: reference.group ?? '',
    resource: reference.resource ?? '',
  });
  const namespace = reference.namespace ? `/${reference.namespace}` : '';
  return `${kind.toLowerCase()}${namespace}/${reference.name ?? ''}`;
}

export const IP_ADDRESS = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  namespaced: false,
  schema: 'io.k8s.api.networking.v1.IPAddress',
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [NAME_COLUMN, column('ParentRef', parent)],
  keepsPrefix: true,
  validateName: nameIsIpAddress,
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
});
