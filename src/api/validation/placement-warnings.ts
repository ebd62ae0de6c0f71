/** Where a pod wants to be: odd selectors and addresses. Upstream: pkg/api/pod/warnings.go. */
import type { NodeSelectorTerm, PodAffinity, PodSpec } from '#api/gen/core-v1.ts';
import { deprecatedLabel } from '../core/label-warnings.ts';
import type { FieldPath } from '../meta/field.ts';
import { formatIp, isMapped, parseIp } from '../meta/ip.ts';
import { isLabelValue } from '../meta/names.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
const NULL_SELECTOR = 'a null labelSelector results in matching no pod';

/** Text of addresses that programs may read differently. */
export function warnAboutIp(text: string, at: FieldPath): string[] {
  const address = parseIp(text);
  if (address === undefined) return [];
  const quoted = JSON.stringify(text);
  const mapped = isMapped(address);
  if (address.leadingZeros || mapped) {
    const plain = mapped ? { family: 4 as const, value: address.value & 0xffffffffn } : address;
    const use = JSON.stringify(formatIp(plain));
    return [`${at.toString()}: non-standard IP address ${quoted} is invalid: use ${use}`];
  }
  const canonical = formatIp(address);
  if (address.family === 4 || canonical === text) return [];
  const use = JSON.stringify(canonical);
  return [
    `${at.toString()}: IPv6 address ${quoted} should be in RFC 5952 canonical format (${use})`,
  ];
}

function warnAboutTerm(
  term: NodeSelectorTerm | undefined,
  checksValues: boolean,
  at: FieldPath,
): string[] {
  return (term?.matchExpressions ?? []).flatMap(({ key, values = [] }, i) => {
    const here = at.child('matchExpressions').index(i);
    const message = deprecatedLabel(key);
    const warnings =
      message === undefined ? [] : [`${here.child('key').toString()}: ${key} is ${message}`];
    if (!checksValues) return warnings;
    const bad = values.flatMap((value, j) => {
      const where = here.child('values').index(j).toString();
      return isLabelValue(value).map((text) => `${where}: ${value} is invalid, ${text}`);
    });
    return [...warnings, ...bad];
  });
}

/** Terms that a node must match, at the list `at`. */
export function warnAboutTerms(terms: readonly NodeSelectorTerm[], at: FieldPath): string[] {
  return terms.flatMap((term, i) => warnAboutTerm(term, false, at.index(i)));
}

function warnAboutNodes(spec: PodSpec, at: FieldPath): string[] {
  const selector = Object.keys(spec.nodeSelector ?? {}).flatMap((key) => {
    const message = deprecatedLabel(key);
    return message === undefined
      ? []
      : [`${at.child('nodeSelector').key(key).toString()}: ${message}`];
  });
  const affinity = spec.affinity?.nodeAffinity;
  const here = at.child('affinity', 'nodeAffinity');
  const terms = affinity?.[REQUIRED]?.nodeSelectorTerms ?? [];
  const preferred = affinity?.[PREFERRED] ?? [];
  return [
    ...selector,
    ...warnAboutTerms(terms, here.child(REQUIRED, 'nodeSelectorTerms')),
    ...preferred.flatMap(({ preference }, i) =>
      warnAboutTerm(preference, true, here.child(PREFERRED).index(i).child('preference')),
    ),
  ];
}

function warnAboutSpread(spec: PodSpec, at: FieldPath): string[] {
  return (spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, i) => {
    const here = at.child('topologySpreadConstraints').index(i);
    const message = deprecatedLabel(topologyKey);
    const warnings =
      message === undefined
        ? []
        : [`${here.child('topologyKey').toString()}: ${topologyKey} is ${message}`];
    if (labelSelector !== undefined) return warnings;
    return [...warnings, `${here.child('labelSelector').toString()}: ${NULL_SELECTOR}`];
  });
}

function warnAboutPods(affinity: PodAffinity | undefined, at: FieldPath): string[] {
  const needed = (affinity?.[REQUIRED] ?? []).map((term, i) => ({
    term,
    at: at.child(REQUIRED).index(i),
  }));
  const preferred = (affinity?.[PREFERRED] ?? []).map(({ podAffinityTerm: term }, i) => ({
    term,
    at: at.child(PREFERRED).index(i).child('podAffinityTerm'),
  }));
  return [...needed, ...preferred]
    .filter(({ term }) => term?.labelSelector === undefined)
    .map((entry) => `${entry.at.child('labelSelector').toString()}: ${NULL_SELECTOR}`);
}

export function warnAboutPlacement(spec: PodSpec, at: FieldPath): string[] {
  return [...warnAboutNodes(spec, at), ...warnAboutSpread(spec, at)];
}

/** Terms of affinity that match no pod. */
export function warnAboutAffinity({ affinity }: PodSpec, at: FieldPath): string[] {
  const here = at.child('affinity');
  return [
    ...warnAboutPods(affinity?.podAffinity, here.child('podAffinity')),
    ...warnAboutPods(affinity?.podAntiAffinity, here.child('podAntiAffinity')),
  ];
}
