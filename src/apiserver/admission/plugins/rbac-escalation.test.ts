import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ADMIN, AdmissionBench, type Asked } from '#kit/admission.ts';
import { Rounds } from '../admission.ts';
import { parseRules } from '../../bootstrap/rbac/rule-text.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS } from '../targets.ts';
import { rbacEscalation } from './rbac-escalation.ts';

const GROUP = 'rbac.authorization.k8s.io';
const joe = { name: 'joe', groups: ['devs', 'system:authenticated'] };
let bench: AdmissionBench;
const run = (asked: Omit<Asked, 'group'>): Promise<string> =>
  bench.run(rbacEscalation(bench.services), { group: GROUP, user: joe, ...asked });

const role = (rules: string, more: object = {}): Omit<Asked, 'group'> => ({
  plural: 'roles',
  object: { metadata: { name: 'r' }, rules: parseRules(rules), ...more },
});
const binding = (name: string): Omit<Asked, 'group'> => ({
  plural: 'rolebindings',
  object: { metadata: { name: 'b' }, roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name } },
});

beforeEach(() => {
  bench = new AdmissionBench();
  bench.reader.put(CLUSTER_ROLES, {
    metadata: { name: 'pods' },
    rules: parseRules('get list: pods pods/log'),
  });
  bench.reader.put(CLUSTER_ROLES, {
    metadata: { name: 'secrets' },
    rules: parseRules('get: secrets'),
  });
  bench.reader.put(ROLE_BINDINGS, {
    metadata: { namespace: 'default', name: 'joe' },
    roleRef: { kind: 'ClusterRole', name: 'pods' },
    subjects: [{ kind: 'User', name: 'joe' }],
  });
});

describe('RBAC escalation', () => {
  it('lets users grant what they hold', async () => {
    assert.equal(await run(role('get: pods')), 'admitted');
    assert.equal(await run(binding('pods')), 'admitted');
  });

  it('refuses rights that the user lacks, and names them', async () => {
    assert.equal(
      await run(role('get delete: pods\nget update: secrets [a]')),
      [
        '403 roles.rbac.authorization.k8s.io "r" is forbidden: user "joe" (groups=["devs" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get" "update"]}',
      ].join('\n'),
    );
  });

  it('does not take rights on one object for rights on all', async () => {
    bench.reader.put(CLUSTER_ROLES, {
      metadata: { name: 'pods' },
      rules: parseRules('get: pods [web]'),
    });
    assert.equal(await run(role('get: pods [web]')), 'admitted');
    assert.match(await run(role('get: pods')), /not currently held/);
  });

  it('does not count rights of one namespace in another', async () => {
    assert.match(await run({ ...role('get: pods'), namespace: 'other' }), /not currently held/);
  });

  it('refuses to bind a role that holds more than the user', async () => {
    assert.match(
      await run(binding('secrets')),
      /^403 rolebindings.*\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/s,
    );
  });

  it('answers 404 for a binding to a role that is not there', async () => {
    assert.equal(
      await run(binding('none')),
      '404 rolebindings.rbac.authorization.k8s.io "none" not found',
    );
  });

  it('lets pass who may escalate or bind, and masters', async () => {
    bench.decision = { outcome: 'allow', reason: '' };
    assert.equal(await run(role('*: *')), 'admitted');
    assert.equal(await run(binding('secrets')), 'admitted');
    bench.decision = { outcome: 'none', reason: '' };
    assert.equal(await run({ ...role('*: *'), user: ADMIN }), 'admitted');
  });

  it('takes a role that is made for one without a name, and knows no other kind of role', async () => {
    let asked = '';
    const services = {
      ...bench.services,
      authorize: ({ name }: { name: string }) => {
        asked = name;
        return bench.decision;
      },
    };
    const make = async (nameInUrl: string): Promise<string> => {
      const attributes = bench.attributes({ group: GROUP, user: joe, ...role('get: pods') });
      await rbacEscalation(services).admit?.({ ...attributes, nameInUrl }, new Rounds());
      return asked;
    };
    assert.equal(await make(''), '');
    assert.equal(await make('r'), 'r');
    const odd = { metadata: { name: 'b' }, roleRef: { apiGroup: GROUP, kind: 'User', name: 'x' } };
    assert.equal(
      await run({ plural: 'rolebindings', object: odd }),
      '500 unsupported role reference kind: "User"',
    );
  });

  it('refuses aggregation to all but those who may do everything', async () => {
    const rule = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
    const aggregated = { ...role('', rule), plural: 'clusterroles', namespaced: false };
    assert.match(
      await run(aggregated),
      /must have cluster-admin privileges to use the aggregationRule$/,
    );
    bench.reader.put(CLUSTER_ROLES, {
      metadata: { name: 'all' },
      rules: parseRules('*: * @ *\n*: url *'),
    });
    bench.reader.put(CLUSTER_ROLE_BINDINGS, {
      metadata: { name: 'joe' },
      roleRef: { kind: 'ClusterRole', name: 'all' },
      subjects: [{ kind: 'Group', name: 'devs' }],
    });
    assert.equal(await run(aggregated), 'admitted');
  });

  it('lets the garbage collector take owners off a role', async () => {
    const rules = parseRules('get: secrets');
    const old = {
      metadata: { name: 'r', ownerReferences: [{ uid: 'x' }], finalizers: ['f'] },
      rules,
    };
    const object = { metadata: { name: 'r' }, rules };
    assert.equal(await run({ plural: 'roles', operation: 'UPDATE', object, old }), 'admitted');
  });
});
