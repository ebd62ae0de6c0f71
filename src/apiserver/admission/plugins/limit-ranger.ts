/**
 * LimitRanger: default requests and limits, and bounds, for what is made in a namespace.
 *
 * Source: Kubernetes documentation, "Limit Ranges"; upstream plugin/pkg/admission/limitranger.
 */
import {
  aggregateContainerLimits,
  aggregateContainerRequests,
  type ResourceList,
} from '#api/core/resources.ts';
import { canonicalQuantity, compareQuantity, quantityMilli } from '#api/codec/quantity.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from '#api/gen/core-v1.ts';
import { metadataOf } from '../../api-object.ts';
import type { AdmissionPlugin, Attributes, ObjectReader } from '../admission.ts';
import { joined, refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, LIMIT_RANGES, PERSISTENT_VOLUME_CLAIMS, PODS } from '../targets.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

export function limitRanger({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    admit(attributes) {
      if (!isLimited(attributes) || !isFor(attributes, PODS)) return;
      for (const range of rangesFor(attributes, reader))
        setDefaults(range, attributes.object as Pod);
    },
    validate(attributes) {
      if (!isLimited(attributes)) return;
      for (const range of rangesFor(attributes, reader)) {
        const wrong = (range.spec?.limits ?? []).flatMap((limit) => violations(limit, attributes));
        if (wrong.length > 0) throw refusal(attributes, joined(wrong));
      }
    },
  };
}

/** Pods when they are made or resized, claims when they are written; nothing that is going away. */
function isLimited(attributes: Attributes): boolean {
  const { operation, subresource, old, object } = attributes;
  if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return false;
  if (old?.metadata?.deletionTimestamp !== undefined) return false;
  if (isFor(attributes, PODS)) {
    return subresource === 'resize'
      ? operation === 'UPDATE'
      : subresource === '' && operation === 'CREATE';
  }
  return isFor(attributes, PERSISTENT_VOLUME_CLAIMS) && subresource === '';
}

function rangesFor({ namespace }: Attributes, reader: ObjectReader): Iterable<LimitRange> {
  return reader.list(LIMIT_RANGES, namespace) as Iterable<LimitRange>;
}

function setDefaults(range: LimitRange, pod: Pod): void {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  for (const limit of range.spec?.limits ?? []) {
    if (limit.type !== 'Container') continue;
    Object.assign(requests, limit.defaultRequest);
    Object.assign(limits, limit.default);
  }
  const notes = [
    ...(pod.spec?.containers ?? []).flatMap((container) =>
      merge(container, 'container', { requests, limits }),
    ),
    ...(pod.spec?.initContainers ?? []).flatMap((container) =>
      merge(container, 'init container', { requests, limits }),
    ),
  ];
  if (notes.length === 0) return;
  const metadata = metadataOf(pod);
  metadata.annotations = {
    ...metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

/** Fills in what the container leaves open; answers what was set, as the annotation tells it. */
function merge(
  container: Container,
  what: string,
  defaults: { readonly requests: ResourceList; readonly limits: ResourceList },
): string[] {
  const notes: string[] = [];
  for (const [field, word] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const given = container.resources?.[field] ?? {};
    const missing = Object.keys(defaults[field]).filter((name) => given[name] === undefined);
    if (missing.length === 0) continue;
    const set = Object.fromEntries(missing.map((name) => [name, defaults[field][name] ?? '0']));
    container.resources = { ...container.resources, [field]: { ...given, ...set } };
    notes.push(`${missing.toSorted().join(', ')} ${word} for ${what} ${container.name}`);
  }
  return notes;
}

function violations(limit: LimitRangeItem, attributes: Attributes): string[] {
  if (isFor(attributes, PERSISTENT_VOLUME_CLAIMS)) {
    return limit.type === 'PersistentVolumeClaim'
      ? claimViolations(limit, attributes.object as PersistentVolumeClaim)
      : [];
  }
  const pod = attributes.object as Pod;
  if (limit.type === 'Container') {
    const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    return containers.flatMap(({ resources }) =>
      usageViolations(limit, {
        requests: resources?.requests ?? {},
        limits: resources?.limits ?? {},
      }),
    );
  }
  if (limit.type !== 'Pod') return [];
  return usageViolations(limit, {
    requests: { ...aggregateContainerRequests(pod), ...ofWholePod(pod, 'requests') },
    limits: { ...aggregateContainerLimits(pod), ...ofWholePod(pod, 'limits') },
  });
}

/** What a pod sets for itself wins over the sum; bounds look at these two only (KEP-2837). */
function ofWholePod(pod: Pod, which: 'requests' | 'limits'): ResourceList {
  const { cpu, memory } = pod.spec?.resources?.[which] ?? {};
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}

interface Usage {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

function usageViolations(limit: LimitRangeItem, usage: Usage): string[] {
  const found: (string | undefined)[] = [];
  for (const [name, bound] of Object.entries(limit.min ?? {}))
    found.push(belowMin(limit.type, name, bound, usage));
  for (const [name, bound] of Object.entries(limit.max ?? {}))
    found.push(aboveMax(limit.type, name, bound, usage));
  for (const [name, bound] of Object.entries(limit.maxLimitRequestRatio ?? {})) {
    found.push(aboveRatio(limit.type, name, bound, usage));
  }
  return found.filter((text) => text !== undefined);
}

/** Of a claim only requests count. */
function claimViolations(limit: LimitRangeItem, claim: PersistentVolumeClaim): string[] {
  const requests: ResourceList = claim.spec?.resources?.requests ?? {};
  const found: (string | undefined)[] = [];
  for (const [name, bound] of Object.entries(limit.min ?? {})) {
    found.push(belowMin(limit.type, name, bound, { requests, limits: {} }));
  }
  for (const [name, bound] of Object.entries(limit.max ?? {})) {
    const head = `maximum ${name} usage per ${limit.type} is ${canonicalQuantity(bound)}`;
    const request = requests[name];
    if (request === undefined) found.push(`${head}.  No request is specified`);
    else if (compareQuantity(request, bound) > 0)
      found.push(`${head}, but request is ${canonicalQuantity(request)}`);
  }
  return found.filter((text) => text !== undefined);
}

function belowMin(
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Usage,
): string | undefined {
  const head = `minimum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
  const request = requests[name];
  const limit = limits[name];
  if (request === undefined) return `${head}.  No request is specified`;
  if (compareQuantity(request, bound) < 0)
    return `${head}, but request is ${canonicalQuantity(request)}`;
  if (limit !== undefined && compareQuantity(limit, bound) < 0)
    return `${head}, but limit is ${canonicalQuantity(limit)}`;
  return undefined;
}

function aboveMax(
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Usage,
): string | undefined {
  const head = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
  const request = requests[name];
  const limit = limits[name];
  if (limit === undefined) return `${head}.  No limit is specified`;
  if (compareQuantity(limit, bound) > 0) return `${head}, but limit is ${canonicalQuantity(limit)}`;
  if (request !== undefined && compareQuantity(request, bound) > 0) {
    return `${head}, but request is ${canonicalQuantity(request)}`;
  }
  return undefined;
}

const RATIO_DECIMALS = 6;

function aboveRatio(
  type: string,
  name: string,
  bound: string,
  { requests, limits }: Usage,
): string | undefined {
  const head = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`;
  const request = quantityMilli(requests[name] ?? '0');
  const limit = quantityMilli(limits[name] ?? '0');
  if (request === 0) return `${head}, but no request is specified or request is 0`;
  if (limit === 0) return `${head}, but no limit is specified or limit is 0`;
  const ratio = limit / request;
  if (ratio * 1000 <= quantityMilli(bound)) return undefined;
  return `${head}, but provided ratio is ${ratio.toFixed(RATIO_DECIMALS)}`;
}
