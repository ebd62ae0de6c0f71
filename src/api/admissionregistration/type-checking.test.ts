/** Which kinds a policy is checked against. What is found: test/stories/admission-policy-status. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NamedRuleWithOperations } from '../gen/admissionregistration-v1.ts';
import { kindsToCheck, type ServedResource } from './type-checking.ts';

const served = (group: string, version: string, plural: string): ServedResource => ({
  group,
  version,
  plural,
  singular: plural.slice(0, -1),
  kind: plural.slice(0, 1).toUpperCase() + plural.slice(1, -1),
});
const SERVED = [
  served('', 'v1', 'pods'),
  served('', 'v1', 'events'),
  served('events.k8s.io', 'v1', 'events'),
  served('apps', 'v1', 'deployments'),
  served('autoscaling', 'v1', 'scales'),
  served('autoscaling', 'v2', 'scales'),
  ...Array.from({ length: 12 }, (_, nth) => served('many', 'v1', `a${nth}s`)),
];
const MANY = SERVED.filter(({ group }) => group === 'many').map(({ plural }) => plural);

describe('kindsToCheck', () => {
  type Rule = [groups: string[], versions: string[], resources: string[]];
  const rows: readonly (readonly [claim: string, rules: Rule[], kinds: string[]])[] = [
    ['none without rules', [], []],
    ['what is named', [[['apps'], ['v1'], ['deployments']]], ['apps/v1/Deployment']],
    ['in the singular and in capitals', [[[''], ['v1'], ['Pod']]], ['/v1/Pod']],
    ['no group is any', [[[''], ['v1'], ['events']]], ['/v1/Event', 'events.k8s.io/v1/Event']],
    ['not subresources', [[[''], ['v1'], ['pods/exec', 'pods/*']]], []],
    [
      'nothing behind a star',
      [
        [['*'], ['v1'], ['pods']],
        [[''], ['*', 'v1'], ['pods']],
      ],
      [],
    ],
    ['not what is not served', [[['none'], ['v1'], ['pods']]], []],
    [
      'in order, each once',
      [
        [['autoscaling'], ['v2', 'v1'], ['scales']],
        [[''], ['v1'], ['pods', 'pods']],
      ],
      ['/v1/Pod', 'autoscaling/v1/Scale', 'autoscaling/v2/Scale'],
    ],
    [
      'ten of a rule, and then no more rules',
      [
        [['many'], ['v1'], MANY],
        [[''], ['v1'], ['pods']],
      ],
      MANY.toSorted()
        .slice(0, 10)
        .map((plural) => `many/v1/A${plural.slice(1, -1)}`),
    ],
  ];
  for (const [claim, rules, expected] of rows) {
    it(claim, () => {
      const resourceRules = rules.map(
        ([apiGroups, apiVersions, resources]): NamedRuleWithOperations => ({
          apiGroups,
          apiVersions,
          resources,
        }),
      );
      const kinds = kindsToCheck({ spec: { matchConstraints: { resourceRules } } }, SERVED);
      assert.deepEqual(
        kinds.map(({ group, version, kind }) => `${group}/${version}/${kind}`),
        expected.toSorted(),
      );
    });
  }
});
