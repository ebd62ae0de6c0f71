/**
 * RBAC rules as text that can be read at a glance, one rule a line:
 *
 *     <verbs>: <resources> [<names>] @ <API groups>
 *     get list watch: pods services
 *     update: configmaps [cluster-info]
 *     create patch update: events @ core events.k8s.io
 *     get: /healthz /version
 *
 * Without `@` the group is the core group. Words that start with a slash are paths, and so are those
 * behind the word `url`. A line without a colon behind its verbs continues the one before.
 */
import type { PolicyRule } from '#api/gen/rbac-v1.ts';

const START = /^[a-z* ]+: /;

export function parseRules(text: string): PolicyRule[] {
  const lines: string[] = [];
  for (const line of text.split('\n').map((part) => part.trim())) {
    if (line === '') continue;
    if (START.test(line)) lines.push(line);
    else lines.push(`${lines.pop() ?? ''} ${line}`);
  }
  return lines.map(parseRule);
}

function parseRule(line: string): PolicyRule {
  const colon = line.indexOf(': ');
  const verbs = words(line.slice(0, colon));
  const rest = line.slice(colon + 2);
  if (rest.startsWith('/')) return { verbs, nonResourceURLs: words(rest) };
  if (rest.startsWith('url ')) return { verbs, nonResourceURLs: words(rest.slice('url '.length)) };
  const [what = '', groups = 'core'] = rest.split(' @ ');
  const names = /\[(.*)\]/.exec(what)?.[1];
  const rule: PolicyRule = {
    verbs,
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(what.replace(/\[.*\]/, '')),
  };
  return names === undefined ? rule : { ...rule, resourceNames: words(names) };
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}
