/** Authorizers as configured, in an API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constant, LiveValue } from '#base/live.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { ReviewServer } from '#kit/review-server.ts';
import { readAbacPolicies } from './abac.ts';
import type { ChosenAuthorizer } from './chain.ts';

const JANE = { name: 'jane', groups: ['system:authenticated'] };
const NODE = { name: 'system:node:n1', groups: ['system:nodes'] };
const PODS = 'GET /api/v1/namespaces/default/pods';
const RULES = 'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
const REVIEWS = 'POST /apis/authorization.k8s.io/v1/subjectaccessreviews';
const FORBIDDEN =
  '403 pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"';

const named = (...types: string[]): ChosenAuthorizer[] =>
  types.map((type) => ({ type, name: type.toLowerCase() }));

function webhook(server: ReviewServer, over: object = {}): ChosenAuthorizer {
  return {
    type: 'Webhook',
    name: 'far',
    endpoint: server.endpoint,
    webhook: {
      authorizedTtlNanos: 0,
      cacheAuthorizedRequests: false,
      unauthorizedTtlNanos: 0,
      cacheUnauthorizedRequests: false,
      timeoutNanos: 1e9,
      subjectAccessReviewVersion: 'v1',
      matchConditionSubjectAccessReviewVersion: '',
      failurePolicy: 'NoOpinion',
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/far' },
      matchConditions: [],
      ...over,
    },
  };
}

const started = (authorizers: readonly ChosenAuthorizer[], server = new ReviewServer()) =>
  TestApiServer.start({
    backends: server.connector,
    authorization: { authorizers: constant(authorizers) },
  });

const reviewOf = (user: typeof JANE, verb = 'list'): object => ({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  spec: { user: user.name, groups: user.groups, resourceAttributes: { verb, resource: 'pods' } },
});

describe('the authorizers of an API server', () => {
  it('are those that are named', async () => {
    const open = await started(named('AlwaysAllow'));
    assert.equal((await open.call(PODS, undefined, { as: JANE })).status, 200);
    const closed = await started(named('AlwaysDeny'));
    assert.equal(
      await closed.refusal(PODS, undefined, { as: JANE }),
      `${FORBIDDEN}: Everything is forbidden.`,
    );
    // Masters may do everything, whatever there is.
    assert.equal((await closed.call(PODS)).status, 200);
  });

  it('decide in order', async () => {
    const far = new ReviewServer();
    far.answer = { denied: true, reason: 'house rule' };
    const first = await started([webhook(far), ...named('AlwaysAllow')], far);
    assert.equal(await first.refusal(PODS, undefined, { as: JANE }), `${FORBIDDEN}: house rule`);
    const last = await started([...named('AlwaysAllow'), webhook(far)], far);
    assert.equal((await last.call(PODS, undefined, { as: JANE })).status, 200);
    const metrics = (await first.call('GET /metrics')).body as string;
    assert.match(
      metrics,
      /^apiserver_authorization_decisions_total\{type="Webhook",name="far",decision="denied"\} 1$/m,
    );
    assert.doesNotMatch(metrics, /config_controller/);
  });

  it('are asked by everything that takes a right', async () => {
    const far = new ReviewServer();
    far.answer = ({ spec }) => ({ allowed: spec.resourceAttributes?.verb !== 'impersonate' });
    const api = await started([webhook(far)], far);
    const headers = { 'impersonate-user': 'bob' };
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 200);
    assert.equal((await api.call(PODS, undefined, { as: JANE, headers })).status, 200);
    far.answer = { allowed: false };
    assert.match(await api.refusal(PODS, undefined, { as: JANE, headers }), /^403 .*impersonate/);
    const { status } = await api.must(REVIEWS, reviewOf(JANE));
    assert.deepEqual(status, { allowed: false });
  });

  it('make an error of what is not allowed when one of them fails', async () => {
    const far = new ReviewServer();
    far.answer = 403;
    const api = await started([webhook(far), ...named('RBAC')], far);
    const reply = await api.call(PODS, undefined, { as: JANE });
    assert.equal(reply.status, 500);
    assert.equal(reply.body, 'Internal Server Error: "/api/v1/namespaces/default/pods": unknown\n');
    const { status } = await api.must(REVIEWS, reviewOf(JANE));
    assert.deepEqual(status, {
      allowed: false,
      evaluationError: 'unknown',
    });
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'jane' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    // Another one allows it: what failed before does not count.
    await api.must('PUT /apis/rbac.authorization.k8s.io/v1/clusterroles/view', {
      metadata: { name: 'view' },
      rules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }],
    });
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 200);
  });

  it('allow by a file of policies', async () => {
    const policies = readAbacPolicies(
      '{"user":"jane","namespace":"default","resource":"pods","readonly":true}',
      '/p',
    );
    const api = await TestApiServer.start({
      authorization: { authorizers: constant(named('ABAC')), policies },
    });
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 200);
    assert.equal(
      await api.refusal('GET /api/v1/namespaces/default/secrets', undefined, { as: JANE }),
      `${FORBIDDEN.replaceAll('pods', 'secrets')}: No policy matched.`,
    );
  });

  it('say what a user may do, and when they cannot', async () => {
    const far = new ReviewServer();
    far.answer = { allowed: true };
    const api = await started([...named('Node', 'AlwaysAllow'), webhook(far)], far);
    const review = { spec: { namespace: 'default' } };
    const ask = async (as: typeof JANE) => (await api.must(RULES, review, { as })).status;
    assert.deepEqual(await ask(JANE), {
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: true,
      evaluationError: 'webhook authorizer does not support user rule resolution',
    });
    assert.equal(
      (await ask(NODE)).evaluationError,
      '[node authorizer does not support user rule resolution, webhook authorizer does not support user rule resolution]',
    );
  });

  it('are others from the moment the configuration is', async () => {
    const authorizers = new LiveValue<readonly ChosenAuthorizer[]>(named('AlwaysDeny'), 'one');
    const api = await TestApiServer.start({ authorization: { authorizers } });
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 403);
    authorizers.set(named('AlwaysAllow'), 'two');
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 200);
    authorizers.fail('no');
    assert.equal((await api.call(PODS, undefined, { as: JANE })).status, 200);
    const metrics = (await api.call('GET /metrics')).body as string;
    const prefix = 'apiserver_authorization_config_controller';
    for (const status of ['success', 'failure']) {
      assert.match(
        metrics,
        new RegExp(
          `^${prefix}_automatic_reloads_total\\{status="${status}",apiserver_id_hash="sha256:\\w{64}"\\} 1$`,
          'm',
        ),
      );
      assert.match(
        metrics,
        new RegExp(
          `^${prefix}_automatic_reload_last_timestamp_seconds\\{status="${status}",.*\\} \\d`,
          'm',
        ),
      );
    }
    // Of "two".
    assert.match(
      metrics,
      new RegExp(
        `^${prefix}_last_config_info\\{apiserver_id_hash="sha256:\\w+",hash="sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"\\} 1$`,
        'm',
      ),
    );
  });

  it('see the labels that a review asks for', async () => {
    const far = new ReviewServer();
    far.answer = { allowed: true };
    const api = await started([webhook(far)], far);
    const ask = async (labelSelector: object): Promise<unknown> => {
      far.asked.length = 0;
      const resourceAttributes = { verb: 'list', resource: 'pods', labelSelector };
      await api.must(REVIEWS, { spec: { user: 'jane', resourceAttributes } });
      return far.asked.at(-1)?.spec.resourceAttributes.labelSelector?.requirements;
    };
    const term = { key: 'app', operator: 'In', values: ['web'] };
    assert.deepEqual(await ask({ rawSelector: 'app=web' }), [term]);
    assert.deepEqual(
      await ask({
        requirements: [
          { key: 'app', operator: 'In', values: ['web'] },
          { key: 'a', operator: 'Like' },
          { key: 'x', operator: 'Exists' },
        ],
      }),
      [term, { key: 'x', operator: 'Exists' }],
    );
    assert.equal(await ask({ rawSelector: '((' }), undefined);
  });
});
