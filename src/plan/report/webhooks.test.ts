/** Which webhooks and policies would have been asked about what was written. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { SeenWrite } from '../fork/write-log.ts';
import { admissionNotAsked } from './webhooks.ts';

const POD: SeenWrite = {
  operation: 'CREATE',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'shop',
  labels: { app: 'web' },
};

const RULE: RuleWithOperations = {
  operations: ['CREATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['pods'],
};

function webhook(facts: object): KubeObject {
  const webhooks = [{ name: 'hook', rules: [RULE], ...facts }];
  const object = { kind: 'MutatingWebhookConfiguration', metadata: { name: 'hooks' }, webhooks };
  return object;
}

const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  shop: { team: 'a' },
};

function asked(object: KubeObject, writes: readonly SeenWrite[]): string[] {
  const labelsOf = (name: string) => LABELS[name];
  return admissionNotAsked({ objects: [object], writes, labelsOf }).map(
    ({ what, why }) => `${what}: ${why}`,
  );
}

const NAMESPACE = { ...POD, resource: 'namespaces', namespace: 'shop', labels: {} };
const BINDING = { ...POD, subresource: 'binding' };
const app = (value: string) => ({ objectSelector: { matchLabels: { app: value } } });
const team = (value: string) => ({ namespaceSelector: { matchLabels: { team: value } } });

const TABLE: readonly [
  claim: string,
  facts: object,
  write: Partial<SeenWrite>,
  isAsked: boolean,
][] = [
  ['by its rule', {}, {}, true],
  ['without rules', { rules: undefined }, {}, false],
  ['of another operation', {}, { operation: 'DELETE' }, false],
  ['of any operation', { rules: [{ ...RULE, operations: ['*'] }] }, { operation: 'UPDATE' }, true],
  ['of another group', { rules: [{ ...RULE, apiGroups: ['apps'] }] }, {}, false],
  ['of any group', { rules: [{ ...RULE, apiGroups: ['*'] }] }, { group: 'apps' }, true],
  ['of another resource', {}, { resource: 'services' }, false],
  ['of any resource', { rules: [{ ...RULE, resources: ['*'] }] }, { resource: 'services' }, true],
  ['of the resource, about its subresource', {}, BINDING, false],
  [
    'of any resource, about a subresource',
    { rules: [{ ...RULE, resources: ['*'] }] },
    BINDING,
    false,
  ],
  ['of the subresource', { rules: [{ ...RULE, resources: ['pods/binding'] }] }, BINDING, true],
  ['of all subresources', { rules: [{ ...RULE, resources: ['pods/*'] }] }, BINDING, true],
  ['of everything', { rules: [{ ...RULE, resources: ['*/*'] }] }, BINDING, true],
  ['of the scope', { rules: [{ ...RULE, scope: 'Namespaced' }] }, {}, true],
  ['of another scope', { rules: [{ ...RULE, scope: 'Cluster' }] }, {}, false],
  [
    'of namespaces, which are in none',
    { rules: [{ ...RULE, resources: ['namespaces'], scope: 'Cluster' }] },
    NAMESPACE,
    true,
  ],
  ['of another version', {}, { version: 'v2' }, true],
  ['of that version exactly', { matchPolicy: 'Exact' }, { version: 'v2' }, false],
  ['by the labels of the object', app('web'), {}, true],
  ['by other labels', app('db'), {}, false],
  ['by labels that are not known', app('db'), { labels: undefined as never }, true],
  ['by the labels of the namespace', team('a'), {}, true],
  ['by other labels of the namespace', team('b'), {}, false],
  ['by labels of a namespace that is not known', team('b'), { namespace: 'dark' }, true],
];

describe('a webhook that is not called', () => {
  for (const [claim, facts, write, isAsked] of TABLE)
    it(`${isAsked ? 'is' : 'is not'} named ${claim}`, () => {
      const names = asked(webhook(facts), [{ ...POD, ...write }]);
      assert.equal(names.length, isAsked ? 1 : 0, names.join());
    });

  it('is named with what it would have seen', () => {
    const everything = { rules: [{ ...RULE, operations: ['*'], resources: ['*/*'] }] };
    const resources = ['a', 'b', 'c', 'd', 'a'];
    const writes = resources.map((resource) => ({ ...POD, resource }));
    assert.deepEqual(asked(webhook(everything), writes), [
      'MutatingWebhookConfiguration hooks: hook: not asked about: create a, create b, create c and 1 more',
    ]);
  });

  it('is no policy: the fork asks those', () => {
    const matchConstraints = { resourceRules: [{ ...RULE, resources: ['pods'] }] };
    const object = { kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p' } };
    const policy = { ...object, spec: { matchConstraints } };
    assert.deepEqual(asked(policy, [POD]), []);
  });
});
