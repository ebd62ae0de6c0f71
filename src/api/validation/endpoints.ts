/** Endpoints, core/v1. Upstream: pkg/apis/core/validation/validation.go. */
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { type FieldError, type FieldPath, fieldPath, required } from '../meta/field.ts';
import { validateEndpointIp } from './addresses.ts';
import { label, oneOf, portNumber, qualifiedName, subdomain } from './common.ts';
import { validateIp } from './ip.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function validateAddress(address: Partial<EndpointAddress>, at: FieldPath): FieldError[] {
  const { ip = '', hostname, nodeName } = address;
  return [
    ...validateIp(ip, at.child('ip')),
    ...(hostname ? label(hostname, at.child('hostname')) : []),
    ...(nodeName === undefined ? [] : subdomain(nodeName, at.child('nodeName'))),
    ...validateEndpointIp(ip, at.child('ip')),
  ];
}

function validatePort(port: EndpointPort, needsName: boolean, at: FieldPath): FieldError[] {
  const name = at.child('name');
  return [
    ...(port.name ? label(port.name, name) : needsName ? [required(name)] : []),
    ...portNumber(port.port, at.child('port')),
    ...oneOf(port.protocol, PROTOCOLS, at.child('protocol')),
    ...(port.appProtocol === undefined
      ? []
      : qualifiedName(port.appProtocol, at.child('appProtocol'))),
  ];
}

function validateSubset(subset: EndpointSubset, at: FieldPath): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  const errors: FieldError[] = [];
  if (addresses.length + notReadyAddresses.length === 0) {
    errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const [field, list] of Object.entries({ addresses, notReadyAddresses })) {
    errors.push(...list.flatMap((entry, i) => validateAddress(entry, at.child(field).index(i))));
  }
  const named = ports.length > 1;
  return [
    ...errors,
    ...ports.flatMap((port, i) => validatePort(port, named, at.child('ports').index(i))),
  ];
}

export function validateEndpointsCreate({ subsets = [] }: Endpoints): FieldError[] {
  return subsets.flatMap((subset, i) => validateSubset(subset, fieldPath('subsets').index(i)));
}

/** What older servers let in may stay as it is. */
export function validateEndpointsUpdate(next: Endpoints, old: Endpoints): FieldError[] {
  const errors = validateEndpointsCreate(next);
  return errors.length > 0 && equalValues(next.subsets, old.subsets) ? [] : errors;
}
