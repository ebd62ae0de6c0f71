import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterRole, ClusterRoleBinding } from '#api/gen/rbac-v1.ts';
import { parseRules } from './rbac/rule-text.ts';
import { reconcileBinding, reconcileRole } from './rbac-reconcile.ts';

const AUTO = 'rbac.authorization.kubernetes.io/autoupdate';
const role = (rules: string, metadata: ClusterRole['metadata'] = {}): ClusterRole => ({
  metadata: { name: 'r', annotations: { [AUTO]: 'true' }, labels: { l: 'x' }, ...metadata },
  rules: parseRules(rules),
});

describe('reconcileRole', () => {
  const expected = role('get list: pods\nget: nodes');

  it('leaves a role alone that has all', () => {
    assert.equal(
      reconcileRole(role('get: nodes\nget list watch: pods services'), expected),
      undefined,
    );
  });
  it('adds the rules that are missing and keeps the others', () => {
    const next = reconcileRole(role('get: pods\nget: secrets'), expected);
    assert.deepEqual(next?.rules, parseRules('get: pods\nget: secrets\nlist: pods\nget: nodes'));
  });
  it('adds labels and annotations, and does not overwrite them', () => {
    const next = reconcileRole(
      role('get list: pods\nget: nodes', { labels: { l: 'mine' }, annotations: {} }),
      expected,
    );
    assert.deepEqual(
      [next?.metadata?.labels, next?.metadata?.annotations],
      [{ l: 'mine' }, { [AUTO]: 'true' }],
    );
  });
  it('does nothing to a role that opted out', () => {
    assert.equal(
      reconcileRole(role('', { annotations: { [AUTO]: 'false' } }), expected),
      undefined,
    );
  });
  it('adds selectors of aggregation, and takes it away where none is expected', () => {
    const selector = (part: string) => ({ matchLabels: { part } });
    const gathers = (...parts: string[]): ClusterRole => ({
      ...role(''),
      aggregationRule: { clusterRoleSelectors: parts.map(selector) },
    });
    assert.deepEqual(reconcileRole(gathers('own'), gathers('view'))?.aggregationRule, {
      clusterRoleSelectors: [selector('own'), selector('view')],
    });
    assert.equal(reconcileRole(gathers('own'), role(''))?.aggregationRule, undefined);
  });
});

describe('reconcileBinding', () => {
  const binding = (name: string, ...users: string[]): ClusterRoleBinding => ({
    metadata: { name: 'b', annotations: { [AUTO]: 'true' } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: users.map((user) => ({ kind: 'User', name: user })),
  });

  it('adds the subjects that are missing', () => {
    const next = reconcileBinding(binding('r', 'joe'), binding('r', 'ann'));
    assert.notEqual(next, 'replace');
    assert.deepEqual((next as ClusterRoleBinding).subjects, binding('r', 'joe', 'ann').subjects);
  });
  it('leaves a binding alone that has all', () => {
    assert.equal(reconcileBinding(binding('r', 'joe', 'ann'), binding('r', 'ann')), undefined);
  });
  it('makes a binding anew that binds another role', () => {
    assert.equal(reconcileBinding(binding('other', 'ann'), binding('r', 'ann')), 'replace');
  });
});
