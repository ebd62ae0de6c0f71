import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FakeReader } from '#kit/fake-reader.ts';
import { requestInfoOf } from '../request-info.ts';
import { attributesFor } from './authorizer.ts';
import { rbacAuthorizer, rbacRules } from './rbac.ts';

const GROUP = 'rbac.authorization.k8s.io';
const JANE = { name: 'jane', groups: ['devs'] };
const SUBJECTS = [{ kind: 'Group', name: 'devs' }];
const PODS = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];
let reader: FakeReader;

const bind = (name: string, roleRef: object, namespace = ''): void =>
  reader.put(
    { group: GROUP, plural: namespace === '' ? 'clusterrolebindings' : 'rolebindings' },
    { metadata: { name, namespace }, roleRef, subjects: SUBJECTS },
  );

const decide = (url: string) =>
  rbacAuthorizer(reader)(attributesFor(JANE, requestInfoOf('GET', url)));

beforeEach(() => {
  reader = new FakeReader();
});

describe('a binding whose role is not there', () => {
  const lost = `clusterrole.${GROUP} "lost" not found`;

  it('is named where nothing else allows', () => {
    bind('a', { kind: 'ClusterRole', name: 'lost' });
    assert.deepEqual(decide('/api/v1/nodes'), { outcome: 'none', reason: `RBAC: ${lost}` });
    assert.deepEqual(decide('/metrics'), { outcome: 'none', reason: `RBAC: ${lost}` });
    bind('b', { kind: 'Role', name: 'gone' }, 'shop');
    bind('c', { kind: 'ClusterRole', name: 'lost' }, 'shop');
    assert.equal(
      decide('/api/v1/namespaces/shop/pods/x').reason,
      `RBAC: [${lost}, role.${GROUP} "gone" not found]`,
    );
  });

  it('takes nothing from others', () => {
    bind('a', { kind: 'ClusterRole', name: 'lost' });
    bind('b', { kind: 'Role', name: 'reader' }, 'shop');
    reader.put(
      { group: GROUP, plural: 'roles' },
      { metadata: { name: 'reader', namespace: 'shop' }, rules: PODS },
    );
    assert.deepEqual(decide('/api/v1/namespaces/shop/pods/x'), {
      outcome: 'allow',
      reason: 'RBAC: allowed by RoleBinding "b/shop" of Role "reader" to Group "devs"',
    });
    const { resourceRules, errors, incomplete } = rbacRules(reader)(JANE, 'shop');
    assert.deepEqual(
      { resourceRules, errors, incomplete },
      { resourceRules: PODS, errors: [lost], incomplete: false },
    );
  });
});
