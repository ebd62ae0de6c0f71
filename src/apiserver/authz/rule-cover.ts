/**
 * Do some rules cover others? Asked before somebody grants rights: nobody may give what they lack.
 *
 * Source: Kubernetes documentation, "Privilege escalation prevention and bootstrapping"; upstream
 * staging/src/k8s.io/component-helpers/auth/rbac/validation and pkg/registry/rbac/validation.
 */
import { pathMatches } from '#api/rbac/matching.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';

/** Those parts of `wanted` that no rule of `held` covers, made as few as can be. */
export function missingRules(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] {
  const missing = wanted
    .flatMap(breakDown)
    .filter((rule) => !held.some((holder) => covers(holder, rule)));
  return compact(missing);
}

/** Rules of one verb, one resource or path, and at most one name each. */
function breakDown(rule: PolicyRule): PolicyRule[] {
  const names = rule.resourceNames ?? [];
  const parts: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (names.length === 0) parts.push(part);
        else parts.push(...names.map((name) => ({ ...part, resourceNames: [name] })));
      }
    }
  }
  for (const path of rule.nonResourceURLs ?? []) {
    parts.push(...rule.verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [path] })));
  }
  return parts;
}

function covers(holder: PolicyRule, part: PolicyRule): boolean {
  const names = holder.resourceNames ?? [];
  return (
    hasAll(holder.verbs, part.verbs, '*') &&
    hasAll(holder.apiGroups, part.apiGroups, '*') &&
    (part.resources ?? []).every((resource) => resourceCovered(holder.resources ?? [], resource)) &&
    (names.length === 0 ||
      ((part.resourceNames ?? []).length > 0 && hasAll(names, part.resourceNames))) &&
    (part.nonResourceURLs ?? []).every((path) =>
      (holder.nonResourceURLs ?? []).some((owner) => pathMatches(owner, path)),
    )
  );
}

function hasAll(
  set: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
  wildcard?: string,
): boolean {
  if (wildcard !== undefined && set?.includes(wildcard) === true) return true;
  return (wanted ?? []).every((item) => set?.includes(item) === true);
}

function resourceCovered(held: readonly string[], resource: string): boolean {
  if (held.includes('*') || held.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && held.includes(`*${resource.slice(slash)}`);
}

/** Joins rules that differ by verb alone; rules about paths stay as they are. */
function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const simple = rule.nonResourceURLs === undefined;
    const key = JSON.stringify({ ...rule, ...(simple ? { verbs: [] } : {}) });
    const present = joined.get(key);
    if (present === undefined) joined.set(key, { ...rule, verbs: [...rule.verbs] });
    else present.verbs.push(...rule.verbs);
  }
  return [...joined.values()];
}

/** A rule as messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function ruleText(rule: PolicyRule): string {
  const parts: string[] = [];
  const show = (name: string, list: readonly string[] | undefined): void => {
    if (list !== undefined && list.length > 0)
      parts.push(`${name}:[${list.map((item) => JSON.stringify(item)).join(' ')}]`);
  };
  show('APIGroups', rule.apiGroups);
  show('Resources', rule.resources);
  show('NonResourceURLs', rule.nonResourceURLs);
  show('ResourceNames', rule.resourceNames);
  show('Verbs', rule.verbs);
  return `{${parts.join(', ')}}`;
}
