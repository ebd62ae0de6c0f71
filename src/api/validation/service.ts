/** Services. Upstream: pkg/apis/core/validation/validation.go (validateService…). */
import type { Service, ServicePort, ServiceSpec } from '#api/gen/core-v1.ts';
import { isExternallyAccessible, needsHealthCheckPort } from '../core/service-types.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isPortNumber } from '../meta/names.ts';
import { label, oneOf, optionalOneOf, qualifiedName, subdomain } from './common.ts';
import { PROTOCOLS } from './containers.ts';
import { validateEndpointIp, validateLoadBalancerAddresses } from './addresses.ts';
import { validateCidr, validateIp } from './ip.ts';
import { invalidAll, validateLabels } from './metadata.ts';
import { validatePort } from './probes.ts';
import { isHeadless, validateClusterIps, validateClusterIpsUpdate } from './service-ips.ts';
import { goForm } from '../schema/go-form.ts';

const SPEC = fieldPath('spec');
const AFFINITY_SECONDS_MAX = 86400;
const RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';

function validateType(spec: ServiceSpec): FieldError[] {
  const { type, externalName = '' } = spec;
  if (type !== 'ExternalName') {
    const errors =
      (spec.ports ?? []).length === 0 && !isHeadless(spec) ? [required(SPEC.child('ports'))] : [];
    if (isHeadless(spec) && (type === 'LoadBalancer' || type === 'NodePort')) {
      const at = SPEC.child('clusterIPs').index(0);
      errors.push(invalidValue(at, 'None', `may not be set to 'None' for ${type} services`));
    }
    return errors;
  }
  const errors = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
    .filter((field) => (spec[field]?.length ?? 0) > 0)
    .map((field) => forbiddenField(SPEC.child(field), 'may not be set for ExternalName services'));
  const name = externalName.replace(/\.$/, '');
  const at = SPEC.child('externalName');
  return [...errors, ...(name === '' ? [required(at)] : subdomain(name, at))];
}

function validateServicePort(port: ServicePort, at: FieldPath, needsName: boolean): FieldError[] {
  const { name = '', appProtocol } = port;
  const errors: FieldError[] = [];
  if (name !== '') errors.push(...label(name, at.child('name')));
  else if (needsName) errors.push(required(at.child('name')));
  errors.push(...invalidAll(at.child('port'), port.port ?? 0, isPortNumber(port.port ?? 0)));
  errors.push(...oneOf(port.protocol, PROTOCOLS, at.child('protocol')));
  errors.push(...validatePort(port.targetPort, at.child('targetPort')));
  return appProtocol === undefined
    ? errors
    : [...errors, ...qualifiedName(appProtocol, at.child('appProtocol'))];
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const at = SPEC.child('ports');
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const repeated = (key: string): boolean => seen.has(key) || !seen.add(key);
  for (const [i, port] of ports.entries()) {
    const here = at.index(i);
    const { name = '', nodePort = 0, protocol = '' } = port;
    errors.push(...validateServicePort(port, here, ports.length > 1));
    if (name !== '' && repeated(`name/${name}`)) errors.push(duplicate(here.child('name'), name));
    if (nodePort !== 0) {
      if (spec.type === 'ClusterIP') {
        errors.push(
          forbiddenField(here.child('nodePort'), "may not be used when `type` is 'ClusterIP'"),
        );
      }
      if (repeated(`node/${protocol}/${nodePort}`))
        errors.push(duplicate(here.child('nodePort'), nodePort));
    }
    if (repeated(`port/${protocol}/${port.port}`)) {
      errors.push(
        duplicate(
          here,
          goForm('io.k8s.api.core.v1.ServicePort', { protocol: port.protocol, port: port.port }),
        ),
      );
    }
  }
  return errors;
}

function validateAffinity({
  sessionAffinity,
  sessionAffinityConfig: config,
}: ServiceSpec): FieldError[] {
  const at = SPEC.child('sessionAffinityConfig');
  const errors = oneOf(sessionAffinity, ['ClientIP', 'None'], SPEC.child('sessionAffinity'));
  if (sessionAffinity === 'None' && config !== undefined) {
    return [...errors, forbiddenField(at, 'must not be set when session affinity is None')];
  }
  if (sessionAffinity !== 'ClientIP') return errors;
  const seconds = config?.clientIP?.timeoutSeconds;
  const detail = 'when session affinity type is ClientIP';
  if (config === undefined) return [...errors, required(at, detail)];
  if (config.clientIP === undefined) return [...errors, required(at.child('clientIP'), detail)];
  const where = at.child('clientIP', 'timeoutSeconds');
  if (seconds === undefined) return [...errors, required(where, detail)];
  if (seconds > 0 && seconds <= AFFINITY_SECONDS_MAX) return errors;
  return [
    ...errors,
    invalidValue(where, seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`),
  ];
}

function validateSourceRanges({ metadata, spec }: Service): FieldError[] {
  const only = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) {
    const at = SPEC.child('LoadBalancerSourceRanges');
    const errors = spec?.type === 'LoadBalancer' ? [] : [forbiddenField(at, only)];
    return [...errors, ...ranges.flatMap((range, i) => validateCidr(range.trim(), at.index(i)))];
  }
  const text = metadata?.annotations?.[RANGES_ANNOTATION];
  if (text === undefined) return [];
  const at = fieldPath('metadata').child('annotations').key(RANGES_ANNOTATION);
  const errors = spec?.type === 'LoadBalancer' ? [] : [forbiddenField(at, only)];
  const parts = text.trim() === '' ? [] : text.split(',');
  return [...errors, ...parts.flatMap((part) => validateCidr(part.trim(), at))];
}

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const only = "may only be used when `type` is 'LoadBalancer'";
  const { allocateLoadBalancerNodePorts: allocate, loadBalancerClass } = spec;
  if (spec.type !== 'LoadBalancer') {
    return (['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
      .filter((field) => spec[field] !== undefined)
      .map((field) => forbiddenField(SPEC.child(field), only));
  }
  const errors =
    allocate === undefined ? [required(fieldPath('allocateLoadBalancerNodePorts'))] : [];
  if (loadBalancerClass === undefined) return errors;
  return [...errors, ...qualifiedName(loadBalancerClass, SPEC.child('loadBalancerClass'))];
}

function validateTraffic(service: Service, spec: ServiceSpec): FieldError[] {
  const {
    externalTrafficPolicy: external,
    internalTrafficPolicy: internal,
    healthCheckNodePort: port = 0,
  } = spec;
  const at = SPEC.child('externalTrafficPolicy');
  const errors: FieldError[] = [];
  if (isExternallyAccessible(service)) errors.push(...oneOf(external, ['Cluster', 'Local'], at));
  else if (external)
    errors.push(invalidValue(at, external, 'may only be set for externally-accessible services'));
  const health = SPEC.child('healthCheckNodePort');
  if (!needsHealthCheckPort(spec)) {
    if (port !== 0) {
      const detail =
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.push(invalidValue(health, port, detail));
    }
  } else if (port === 0) errors.push(required(health));
  else errors.push(...invalidAll(health, port, isPortNumber(port)));
  if (internal === undefined && spec.type !== 'ExternalName')
    errors.push(required(SPEC.child('internalTrafficPolicy')));
  errors.push(
    ...optionalOneOf(internal, ['Cluster', 'Local'], SPEC.child('internalTrafficPolicy')),
  );
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  return [
    ...errors,
    ...optionalOneOf(spec.trafficDistribution, distributions, SPEC.child('trafficDistribution')),
  ];
}

export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, SPEC.child('selector')),
    ...validateAffinity(spec),
    ...validateClusterIps(spec),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => {
      const at = SPEC.child('externalIPs').index(i);
      const errors = validateIp(ip, at);
      return errors.length > 0 ? errors : validateEndpointIp(ip, at);
    }),
    ...oneOf(spec.type, types, SPEC.child('type')),
    ...validateSourceRanges(service),
    ...validateLoadBalancer(spec),
    ...validateTraffic(service, spec),
  ];
}

export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
  const after = next.spec ?? {};
  const before = old.spec ?? {};
  const errors = validateClusterIpsUpdate(after, before);
  if (after.type === 'LoadBalancer' && before.type === 'LoadBalancer') {
    const { loadBalancerClass } = after;
    if (loadBalancerClass !== before.loadBalancerClass) {
      const at = SPEC.child('loadBalancerClass');
      errors.push(invalidValue(at, loadBalancerClass ?? null, 'may not change once set'));
    }
  }
  if (needsHealthCheckPort(before) && needsHealthCheckPort(after)) {
    if (after.healthCheckNodePort !== before.healthCheckNodePort) {
      errors.push(forbiddenField(SPEC.child('healthCheckNodePort'), 'field is immutable'));
    }
  }
  return errors;
}

export function validateServiceStatus(next: Service, old: Service): FieldError[] {
  const at = fieldPath('status').child('loadBalancer', 'ingress');
  const ingress = next.status?.loadBalancer?.ingress ?? [];
  if (next.spec?.type !== 'LoadBalancer') {
    return ingress.length === 0
      ? []
      : [forbiddenField(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const modes = ingress.flatMap(({ ip, ipMode }, i) => {
    const where = at.index(i).child('ipMode');
    if (ipMode === undefined)
      return ip ? [required(where, 'must be specified when `ip` is set')] : [];
    if (!ip) return [forbiddenField(where, 'may not be specified when `ip` is not set')];
    return ipMode === 'VIP' || ipMode === 'Proxy'
      ? []
      : [notSupported(where, ipMode, ['Proxy', 'VIP'])];
  });
  return [
    ...validateLoadBalancerAddresses(ingress, old.status?.loadBalancer?.ingress ?? [], at),
    ...modes,
  ];
}
