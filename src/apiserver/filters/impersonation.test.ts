import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { TestApiServer } from '#kit/api-server.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const REVIEW = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW_BODY = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
const AGENT = { name: 'agent', groups: ['system:authenticated'] };

let server: TestApiServer;
afterEach(() => server.server.stop());

async function may(...rules: readonly object[]): Promise<void> {
  await server.must(`POST ${RBAC}/clusterroles`, { metadata: { name: 'agent' }, rules });
  await server.must(`POST ${RBAC}/clusterrolebindings`, {
    metadata: { name: 'agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'agent' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'agent' }],
  });
}

const LEGACY = {
  apiGroups: ['', 'authentication.k8s.io'],
  resources: ['users', 'groups', 'uids', 'userextras/scopes'],
  verbs: ['impersonate'],
};

describe('who impersonates', () => {
  beforeEach(async () => {
    server = await TestApiServer.start();
  });

  it('is the other, with each value as it was sent', async () => {
    await may(LEGACY);
    const headers = {
      'impersonate-user': 'jane',
      'impersonate-uid': '7',
      'impersonate-group': 'a, b\nc',
      'impersonate-extra-scopes': 'view\nedit, all',
    };
    const { status } = await server.must(REVIEW, REVIEW_BODY, { as: AGENT, headers });
    assert.deepEqual(status.userInfo, {
      username: 'jane',
      uid: '7',
      groups: ['a, b', 'c', 'system:authenticated'],
      extra: { scopes: ['view', 'edit, all'] },
    });
  });

  it('has to say whom', async () => {
    const headers = { 'impersonate-group': 'a', 'impersonate-extra-b%2fc': 'd' };
    assert.equal(
      await server.refusal('GET /api/v1/pods', undefined, { as: AGENT, headers }),
      '400 requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string{"b/c":[]string{"d"}}} without impersonating a user name',
    );
  });

  it('may write a key with a broken escape, which is taken as it stands', async () => {
    await may({ ...LEGACY, resources: ['users', 'userextras/a%zz'] });
    const headers = { 'impersonate-user': 'jane', 'impersonate-extra-a%zz': 'x' };
    const { status } = await server.must(REVIEW, REVIEW_BODY, { as: AGENT, headers });
    assert.deepEqual(status.userInfo.extra, { 'a%zz': ['x'] });
  });

  it('acts within the constrained right, and is counted', async () => {
    await may(
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['users'],
        resourceNames: ['jane'],
        verbs: ['impersonate:user-info'],
      },
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['selfsubjectreviews'],
        verbs: ['impersonate-on:user-info:create'],
      },
    );
    const call = { as: AGENT, headers: { 'impersonate-user': 'jane' } };
    const { status } = await server.must(REVIEW, REVIEW_BODY, call);
    assert.equal(status.userInfo.username, 'jane');
    assert.equal(
      await server.refusal('GET /api/v1/pods', undefined, call),
      '403 pods is forbidden: User "agent" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
    );
    const { body } = await server.call('GET /metrics');
    assert.match(
      body,
      /apiserver_impersonation_attempts_total\{decision="allowed",mode="user-info"\} 1/,
    );
    assert.match(body, /apiserver_impersonation_attempts_total\{decision="denied",mode=""\} 1/);
    assert.match(
      body,
      /apiserver_impersonation_authorization_attempts_total\{decision="allowed",mode="user-info"\} 2/,
    );
    assert.match(
      body,
      /apiserver_impersonation_authorization_attempts_total\{decision="denied",mode="legacy"\} 1/,
    );
  });
});

describe('without the gate ConstrainedImpersonation', () => {
  it('there is the right to impersonate alone', async () => {
    const gates = new FeatureGates(parseFeatureGates('ConstrainedImpersonation=false'));
    server = await TestApiServer.start({ featureGates: gates });
    await may({
      apiGroups: ['*'],
      resources: ['*'],
      verbs: ['impersonate:user-info', 'impersonate-on:user-info:list'],
    });
    const call = { as: AGENT, headers: { 'impersonate-user': 'jane' } };
    assert.equal(
      await server.refusal('GET /api/v1/pods', undefined, call),
      '403 users "jane" is forbidden: User "agent" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });
});
