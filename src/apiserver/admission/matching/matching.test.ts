/** Whether a request is meant, as webhooks and policies say it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAMESPACE } from '#api/core/namespace.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import type { NamedRuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import { type AnyKind, anyKind, defineKind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { NAMESPACES } from '../targets.ts';
import { EquivalentResources } from './equivalents.ts';
import { isAdmissionConfiguration } from './exempt.ts';
import { matchRequest, policyCriteria, webhookCriteria } from './matcher.ts';
import { viewOf } from './request.ts';
import { ruleMatches } from './rules.ts';

const ALL: NamedRuleWithOperations = {
  operations: ['*'],
  apiGroups: ['*'],
  apiVersions: ['*'],
  resources: ['*'],
};
const PODS = { group: '', version: 'v1', resource: 'pods' };

describe('a rule', () => {
  const cases: readonly (readonly [rule: object, asked: string, resource: object, is: boolean])[] =
    [
      [{}, 'CREATE', {}, true],
      [{ operations: [] }, 'CREATE', {}, false],
      [{ operations: ['CREATE', 'UPDATE'] }, 'UPDATE', {}, true],
      [{ operations: ['CREATE', 'UPDATE'] }, 'DELETE', {}, false],
      [{ operations: ['CONNECT'] }, 'CONNECT', {}, true],
      [{ apiGroups: ['apps'] }, 'CREATE', {}, false],
      [{ apiGroups: ['apps', ''] }, 'CREATE', {}, true],
      [{ apiVersions: ['v2'] }, 'CREATE', {}, false],
      [{ apiVersions: ['v2', 'v1'] }, 'CREATE', {}, true],
      [{ resources: ['services'] }, 'CREATE', {}, false],
      [{ resources: ['pods/exec'] }, 'CREATE', {}, false],
      [{ resources: ['pods/*'] }, 'CREATE', {}, true],
      [{ resources: ['*/*'] }, 'CREATE', {}, true],
      [{ resources: ['pods'] }, 'CREATE exec', {}, false],
      [{ resources: ['*'] }, 'CREATE exec', {}, false],
      [{ resources: ['pods/exec'] }, 'CREATE exec', {}, true],
      [{ resources: ['pods/*'] }, 'CREATE exec', {}, true],
      [{ resources: ['*/exec'] }, 'CREATE exec', {}, true],
      [{ resources: ['*/log'] }, 'CREATE exec', {}, false],
      [{ resources: ['*/*'] }, 'CREATE exec', {}, true],
      [{ resources: ['services/*'] }, 'CREATE exec', {}, false],
      [{ scope: '*' }, 'CREATE', {}, true],
      [{ scope: 'Namespaced' }, 'CREATE', {}, true],
      [{ scope: 'Cluster' }, 'CREATE', {}, false],
      [{ scope: 'Else' }, 'CREATE', {}, false],
      // A Namespace is of the cluster, another group's resource of that name is not.
      [{ scope: 'Cluster' }, 'CREATE', { resource: 'namespaces' }, true],
      [{ scope: 'Namespaced' }, 'CREATE', { resource: 'namespaces' }, false],
      [{ scope: 'Cluster' }, 'CREATE', { resource: 'namespaces', group: 'x' }, false],
    ];
  for (const [rule, asked, resource, is] of cases)
    it(`${JSON.stringify(rule)} ${is ? 'is' : 'is not'} for ${asked} ${JSON.stringify(resource)}`, () => {
      const [operation = '', subresource = ''] = asked.split(' ');
      const view = { operation, subresource, namespace: 'default' };
      assert.equal(ruleMatches({ ...ALL, ...rule }, view, { ...PODS, ...resource }), is);
    });

  it('of the cluster is for what has no namespace', () => {
    const view = { operation: 'CREATE', subresource: '', namespace: '' };
    assert.equal(ruleMatches({ ...ALL, scope: 'Cluster' }, view, PODS), true);
    assert.equal(ruleMatches({ ...ALL, scope: 'Namespaced' }, view, PODS), false);
  });
});

const kind = (over: object): AnyKind =>
  anyKind(
    defineKind<KubeObject>({
      group: 'a',
      version: 'v1',
      kind: 'Thing',
      plural: 'things',
      namespaced: true,
      schema: '',
      ...over,
    }),
  );
const V1 = kind({ hasStatus: true });
const V2 = kind({ version: 'v2', hasStatus: true });
const OTHER_GROUP = kind({ group: 'b' });
const REVIEW = kind({
  kind: 'Review',
  plural: 'reviews',
  verbs: ['create'],
  storagePrefix: 'things',
});
const equivalents = new EquivalentResources({
  kinds: () => [V1, V2, OTHER_GROUP, REVIEW, anyKind(DEPLOYMENT)],
  generation: 1,
});

describe('equivalent resources', () => {
  it('are other versions, and groups with the same storage', () => {
    assert.deepEqual(equivalents.of(V1, ''), [V2, OTHER_GROUP]);
    assert.deepEqual(equivalents.of(V2, ''), [V1, OTHER_GROUP]);
    assert.deepEqual(equivalents.of(REVIEW, ''), []);
  });

  it('have the same subresources', () => {
    assert.deepEqual(equivalents.of(V1, 'status'), [V2]);
    assert.deepEqual(equivalents.of(V1, 'scale'), []);
  });

  it('are those that are served now', () => {
    let kinds = [V1];
    const source = { kinds: () => kinds, generation: 1 };
    const live = new EquivalentResources(source);
    assert.deepEqual(live.of(V1, ''), []);
    kinds = [V1, V2];
    source.generation = 2;
    assert.deepEqual(live.of(V1, ''), [V2]);
  });
});

function bench(): AdmissionBench {
  const made = new AdmissionBench();
  made.reader.put(NAMESPACES, { metadata: { name: 'default', labels: { team: 'a' } } });
  return made;
}

/** `group/version` of the resource and the kind as which a request for a Thing is wanted. */
async function matched(
  criteria: ReturnType<typeof webhookCriteria>,
  asked: Partial<Asked> & { readonly as?: AnyKind; readonly objectKind?: AnyKind } = {},
): Promise<string> {
  const { reader } = bench();
  const { as = V1, objectKind, ...rest } = asked;
  const attributes = {
    ...new AdmissionBench().attributes({ plural: 'things', object: {}, ...rest }),
    kind: as,
    ...(objectKind === undefined ? {} : { objectKind }),
  };
  const services = { reader, equivalents };
  try {
    const match = await matchRequest(services, criteria, viewOf(attributes), attributes.object);
    if (match === undefined) return 'no';
    const { group, version } = match.resource;
    return `${group}/${version} ${match.kind.group}/${match.kind.version}`;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return `${error.code}`;
  }
}

const named = (apiVersions: string[], over: object = {}) => ({ ...ALL, apiVersions, ...over });
const all = { namespaceSelector: {}, objectSelector: {} };

describe('what a request is wanted as', () => {
  it('is what it is, where any rule says so', async () => {
    const rules = [named(['v2']), named(['v1'])];
    assert.equal(await matched(webhookCriteria({ ...all, rules })), 'a/v1 a/v1');
  });

  it('is the first other resource that a rule names', async () => {
    const rules = [named(['v3']), named(['v2'])];
    assert.equal(await matched(webhookCriteria({ ...all, rules })), 'a/v2 a/v2');
    const groups = [named(['v1'], { apiGroups: ['b'] }), named(['v2'])];
    assert.equal(await matched(webhookCriteria({ ...all, rules: groups })), 'b/v1 b/v1');
    const exact = webhookCriteria({ ...all, rules, matchPolicy: 'Exact' });
    assert.equal(await matched(exact), 'no');
  });

  it('keeps the kind of a subresource', async () => {
    const rules = [named(['v2'], { resources: ['things/status'] })];
    const asked = { subresource: 'status' };
    assert.equal(await matched(webhookCriteria({ ...all, rules }), asked), 'a/v2 a/v2');
    const objectKind = kind({ group: 'autoscaling', kind: 'Scale' });
    const criteria = webhookCriteria({ ...all, rules });
    assert.equal(await matched(criteria, { ...asked, objectKind }), 'a/v2 autoscaling/v1');
  });

  it('is nothing without rules for a webhook, and anything for a policy', async () => {
    assert.equal(await matched(webhookCriteria(all)), 'no');
    assert.equal(await matched(policyCriteria(all)), 'a/v1 a/v1');
  });

  it('is not what a policy excludes, in any version', async () => {
    const exclude = (rule: object, over: object = {}) =>
      matched(policyCriteria({ ...all, excludeResourceRules: [rule], ...over }), { name: 'x' });
    assert.equal(await exclude(named(['v1'])), 'no');
    assert.equal(await exclude(named(['v2'])), 'no');
    assert.equal(await exclude(named(['v2']), { matchPolicy: 'Exact' }), 'a/v1 a/v1');
    assert.equal(await exclude(named(['v1'], { resourceNames: ['x'] })), 'no');
    assert.equal(await exclude(named(['v1'], { resourceNames: ['y'] })), 'a/v1 a/v1');
  });

  it('is by name where a policy names objects', async () => {
    const rule = named(['v2'], { resourceNames: ['x'] });
    const criteria = policyCriteria({ ...all, resourceRules: [rule] });
    assert.equal(await matched(criteria, { name: 'x' }), 'a/v2 a/v2');
    assert.equal(await matched(criteria, { name: 'y' }), 'no');
  });
});

describe('selectors', () => {
  const rules = [ALL];
  const team = (value: string) => ({ matchLabels: { team: value } });

  it('select nothing where there are none', async () => {
    assert.equal(await matched(webhookCriteria({ objectSelector: {}, rules })), 'no');
    assert.equal(await matched(webhookCriteria({ namespaceSelector: {}, rules })), 'no');
  });

  it('of namespaces look at the namespace, which must be there', async () => {
    const of = (value: string, asked: Partial<Asked> = {}) =>
      matched(webhookCriteria({ ...all, rules, namespaceSelector: team(value) }), asked);
    assert.equal(await of('a'), 'a/v1 a/v1');
    assert.equal(await of('b'), 'no');
    assert.equal(await of('b', { namespace: '' }), 'a/v1 a/v1');
    assert.equal(await of('a', { namespace: 'none' }), '404');
    const unnamed = { ...all, rules: [named(['v9'])], namespaceSelector: team('a') };
    assert.equal(await matched(webhookCriteria(unnamed), { namespace: 'none' }), 'no');
  });

  it('of namespaces look at the labels of a Namespace that has no name yet', async () => {
    const as = anyKind(NAMESPACE);
    const of = (value: string) =>
      matched(webhookCriteria({ ...all, rules, namespaceSelector: team(value) }), {
        as,
        namespace: '',
        object: { metadata: { generateName: 'n-', labels: { team: 'a' } } },
      });
    assert.equal(await of('a'), '/v1 /v1');
    assert.equal(await of('b'), 'no');
  });

  it('of namespaces wait for one that was made a moment ago', async () => {
    const { reader } = bench();
    reader.beforeCatchUp = () =>
      reader.put(NAMESPACES, { metadata: { name: 'new', labels: { team: 'a' } } });
    const attributes = {
      ...new AdmissionBench().attributes({ plural: 'things', namespace: 'new' }),
      kind: V1,
    };
    const criteria = webhookCriteria({ ...all, rules, namespaceSelector: team('a') });
    const match = await matchRequest({ reader, equivalents }, criteria, viewOf(attributes), {});
    assert.equal(match?.kind, V1);
  });

  it('of objects look at the object, or what it was', async () => {
    const criteria = webhookCriteria({ ...all, rules, objectSelector: team('a') });
    const labelled = { metadata: { labels: { team: 'a' } } };
    assert.equal(await matched(criteria), 'no');
    assert.equal(await matched(criteria, { object: labelled }), 'a/v1 a/v1');
    assert.equal(await matched(criteria, { old: labelled }), 'a/v1 a/v1');
    const not = webhookCriteria({
      ...all,
      rules,
      objectSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] },
    });
    assert.equal(await matched(not), 'a/v1 a/v1');
    // Options of a connection have no labels.
    assert.equal(await matched(not, { operation: 'CONNECT' }), 'no');
  });
});

it('configuration of admission is never asked about', () => {
  const is = (group: string, plural: string) => isAdmissionConfiguration({ group, plural });
  const group = 'admissionregistration.k8s.io';
  for (const plural of [
    'validatingwebhookconfigurations',
    'mutatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
  ])
    assert.equal(is(group, plural), true);
  assert.equal(is(group, 'others'), false);
  assert.equal(is('x', 'mutatingadmissionpolicies'), false);
  assert.equal(is('authorization.k8s.io', 'subjectaccessreviews'), false);
});
