/** Ingresses. Upstream: pkg/apis/networking/validation/validation.go. */
import type { TypedLocalObjectReference } from '#api/gen/core-v1.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressTLS,
} from '#api/gen/networking-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { parseIp } from '../meta/ip.ts';
import {
  isDns1123Label,
  isDns1123Subdomain,
  isPortName,
  isWildcardSubdomain,
} from '../meta/names.ts';
import { validateLoadBalancerAddresses } from './addresses.ts';
import { portNumber, present, segment, subdomain } from './common.ts';
import { invalidAll } from './metadata.ts';

const SPEC = fieldPath('spec');
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_SUFFIXES = ['/..', '/.'];

function validateHost(host: string, at: FieldPath): FieldError[] {
  const messages = host.includes('*') ? isWildcardSubdomain(host) : isDns1123Subdomain(host);
  return invalidAll(at, host, messages);
}

function validateResource(resource: TypedLocalObjectReference, at: FieldPath): FieldError[] {
  const { apiGroup, kind, name } = resource;
  return [
    ...(apiGroup === undefined ? [] : subdomain(apiGroup, at.child('apiGroup'))),
    ...segment(kind, at.child('kind')),
    ...segment(name, at.child('name')),
  ];
}

function validateService({ service }: IngressBackend, at: FieldPath): FieldError[] {
  const { name, port } = service ?? {};
  const here = at.child('service');
  const errors = name
    ? invalidAll(here.child('name'), name, isDns1123Label(name))
    : [required(here.child('name'))];
  if (port?.name && port.number) {
    return [...errors, invalidValue(at, '', 'cannot set both port name & port number')];
  }
  if (port?.name) {
    return [...errors, ...invalidAll(here.child('port', 'name'), port.name, isPortName(port.name))];
  }
  if (port?.number) return [...errors, ...portNumber(port.number, here.child('port', 'number'))];
  return [...errors, required(at, 'port name or number is required')];
}

function validateBackend(backend: IngressBackend | undefined, at: FieldPath): FieldError[] {
  const { service, resource } = backend ?? {};
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(at, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return validateResource(resource, at.child('resource'));
  if (service !== undefined) return validateService({ service }, at);
  return [invalidValue(at, '', 'resource or service backend is required')];
}

function validatePath(
  { path = '', pathType, backend }: HTTPIngressPath,
  at: FieldPath,
): FieldError[] {
  if (pathType === undefined) return [required(at.child('pathType'), 'pathType must be specified')];
  const errors: FieldError[] = [];
  const bad = (detail: string): void => {
    errors.push(invalidValue(at.child('path'), path, detail));
  };
  const exact = pathType === 'Exact' || pathType === 'Prefix';
  if (!PATH_TYPES.includes(pathType)) {
    errors.push(notSupported(at.child('pathType'), pathType, PATH_TYPES));
  } else if (!path.startsWith('/') && (exact || path !== '')) {
    bad('must be an absolute path');
  }
  if (exact) {
    for (const part of BAD_SEQUENCES) if (path.includes(part)) bad(`must not contain '${part}'`);
    for (const part of BAD_SUFFIXES) if (path.endsWith(part)) bad(`cannot end with '${part}'`);
  }
  return [...errors, ...validateBackend(backend, at.child('backend'))];
}

function validateRule({ host, http }: IngressRule, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (parseIp(host) !== undefined) {
      const detail = 'must be a DNS name, not an IP address';
      errors.push(invalidValue(at.child('host'), host, detail));
    }
    errors.push(...validateHost(host, at.child('host')));
  }
  if (http === undefined) return errors;
  const here = at.child('http', 'paths');
  return [
    ...errors,
    ...present(http.paths, here),
    ...(http.paths ?? []).flatMap((path, i) => validatePath(path, here.index(i))),
  ];
}

function validateTls({ hosts = [], secretName }: IngressTLS, at: FieldPath): FieldError[] {
  return [
    ...hosts.flatMap((host, i) => validateHost(host, at.child('hosts').index(i))),
    ...(secretName ? subdomain(secretName, at.child('secretName')) : []),
  ];
}

export function validateIngress({ spec }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    const detail = 'either `defaultBackend` or `rules` must be specified';
    errors.push(invalidValue(SPEC, spec?.rules ?? null, detail));
  }
  if (defaultBackend !== undefined) {
    errors.push(...validateBackend(defaultBackend, SPEC.child('defaultBackend')));
  }
  errors.push(
    ...rules.flatMap((rule, i) => validateRule(rule, SPEC.child('rules').index(i))),
    ...tls.flatMap((entry, i) => validateTls(entry, SPEC.child('tls').index(i))),
  );
  if (ingressClassName !== undefined) {
    errors.push(...subdomain(ingressClassName, SPEC.child('ingressClassName')));
  }
  return errors;
}

/** The annotation that came before `ingressClassName` must not contradict it. */
export function validateIngressCreate({ metadata, spec }: Ingress): FieldError[] {
  const annotation = metadata?.annotations?.[CLASS_ANNOTATION];
  const name = spec?.ingressClassName;
  if (annotation === undefined || name === undefined || annotation === name) return [];
  const at = fieldPath('annotations').child(CLASS_ANNOTATION);
  return [invalidValue(at, annotation, 'must match `ingressClassName` when both are specified')];
}

export function validateIngressStatus(next: Ingress, old: Ingress): FieldError[] {
  return validateLoadBalancerAddresses(
    next.status?.loadBalancer?.ingress ?? [],
    old.status?.loadBalancer?.ingress ?? [],
    fieldPath('status').child('loadBalancer', 'ingress'),
  );
}
