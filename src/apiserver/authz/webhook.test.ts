import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { readAuthorization } from '#api/apiserver-config/authorization.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { ReviewServer } from '#kit/review-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { AuthorizationMetrics } from '../metrics/authorization-metrics.ts';
import { requestInfoOf } from '../request-info.ts';
import { attributesFor, type Decision } from './authorizer.ts';
import type { RuledAuthorizer } from './rules.ts';
import { webhookAuthorizer } from './webhook.ts';

const JANE = { name: 'jane', groups: ['staff'], uid: '7', extra: { 'acme.io/team': ['a'] } };
const PODS = 'GET /api/v1/namespaces/shop/pods/web';

let environment: VirtualEnvironment;
let server: ReviewServer;
let registry: MetricRegistry;

beforeEach(() => {
  environment = new VirtualEnvironment();
  server = new ReviewServer();
  registry = new MetricRegistry();
});

function authorizer(over: object = {}): RuledAuthorizer {
  const config = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers: [
      {
        type: 'Webhook',
        name: 'far',
        webhook: {
          timeout: '3s',
          subjectAccessReviewVersion: 'v1',
          failurePolicy: 'NoOpinion',
          connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/far' },
          ...over,
        },
      },
    ],
  };
  const { authorizers } = readAuthorization(JSON.stringify(config), { fileFault: () => undefined });
  const [{ webhook } = {}] = authorizers;
  assert.ok(webhook !== undefined);
  return webhookAuthorizer({
    name: 'far',
    webhook,
    endpoint: server.endpoint,
    environment,
    backends: server.connector,
    metrics: new AuthorizationMetrics(registry),
  });
}

function decide(
  { authorize }: RuledAuthorizer,
  request = PODS,
  signal?: AbortSignal,
): Promise<Decision> {
  const [method = '', url = ''] = request.split(' ');
  const attributes = attributesFor(JANE, requestInfoOf(method, url));
  return environment.resolve(Promise.resolve(authorize(attributes, signal)));
}

const metric = (line: string): boolean => registry.text().split('\n').includes(line);

describe('a webhook that authorizes', () => {
  it('is sent the question, and believed', async () => {
    const far = authorizer();
    server.answer = { allowed: true, reason: 'because' };
    assert.deepEqual(await decide(far), { outcome: 'allow', reason: 'because' });
    assert.deepEqual(server.asked, [
      {
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: {
          user: 'jane',
          uid: '7',
          groups: ['staff'],
          extra: { 'acme.io/team': ['a'] },
          resourceAttributes: {
            namespace: 'shop',
            verb: 'get',
            version: 'v1',
            resource: 'pods',
            name: 'web',
          },
        },
        status: { allowed: false },
      },
    ]);
    const [request] = server.requests;
    assert.equal(`${request?.method} ${request?.url}`, 'POST /decide');
    assert.equal(request?.headers['authorization'], 'Bearer secret');
    assert.ok(
      metric('apiserver_authorization_webhook_evaluations_total{name="far",result="success"} 1'),
    );
  });

  it('is told of selectors and paths', async () => {
    const far = authorizer();
    server.answer = { denied: true };
    const selectors =
      'fieldSelector=spec.nodeName%3Dn1,a!%3Db&labelSelector=app%3Dweb,!old,x%20in%20(2,1),n%3E3';
    assert.deepEqual(await decide(far, `GET /api/v1/pods?${selectors}`), {
      outcome: 'deny',
      reason: '',
    });
    await decide(far, 'GET /version');
    const [list, path] = server.asked;
    assert.deepEqual(list?.spec.resourceAttributes.fieldSelector.requirements, [
      { key: 'a', operator: 'NotIn', values: ['b'] },
      { key: 'spec.nodeName', operator: 'In', values: ['n1'] },
    ]);
    assert.deepEqual(list?.spec.resourceAttributes.labelSelector.requirements, [
      { key: 'app', operator: 'In', values: ['web'] },
      { key: 'old', operator: 'DoesNotExist' },
      { key: 'x', operator: 'In', values: ['1', '2'] },
    ]);
    assert.deepEqual(path?.spec.nonResourceAttributes, { path: '/version', verb: 'get' });
    assert.equal(path?.spec.resourceAttributes, undefined);
  });

  it('gets the older form where that is asked for', async () => {
    server.answer = { allowed: true };
    await decide(authorizer({ subjectAccessReviewVersion: 'v1beta1' }));
    const [review] = server.asked;
    assert.equal(review?.apiVersion, 'authorization.k8s.io/v1beta1');
    assert.deepEqual(review?.spec.group, ['staff']);
    assert.equal(review?.spec.groups, undefined);
  });

  it('is an error when it both allows and denies', async () => {
    server.answer = { allowed: true, denied: true, reason: 'hm' };
    assert.deepEqual(await decide(authorizer()), {
      outcome: 'deny',
      reason: 'hm',
      error: 'webhook subject access review returned both allow and deny response',
    });
  });

  it('is not asked again while its answer lives: longer where it allowed', async () => {
    const far = authorizer({ authorizedTTL: '1m', unauthorizedTTL: '10s' });
    server.answer = ({ spec }) => ({ allowed: spec.resourceAttributes.name === 'web' });
    const other = 'GET /api/v1/namespaces/shop/pods/other';
    const askBoth = async (): Promise<number> => {
      server.asked.length = 0;
      await decide(far);
      assert.deepEqual(await decide(far, other), { outcome: 'none', reason: '' });
      return server.asked.length;
    };
    assert.equal(await askBoth(), 2);
    await environment.advance(9_999);
    assert.equal(await askBoth(), 0);
    await environment.advance(1);
    assert.equal(await askBoth(), 1);
    await environment.advance(50_000);
    assert.equal(await askBoth(), 2);
  });

  it('is asked each time where that is wanted, or where the question is long', async () => {
    const forgetful = authorizer({
      cacheAuthorizedRequests: false,
      cacheUnauthorizedRequests: false,
    });
    for (const allowed of [true, true, false, false]) {
      server.answer = { allowed };
      await decide(forgetful);
    }
    assert.equal(server.asked.length, 4);
    const far = authorizer();
    server.answer = { allowed: true };
    for (let i = 0; i < 2; i++) await decide(far, `GET /${'x'.repeat(10_000)}`);
    assert.equal(server.asked.length, 6);
  });

  it('is asked five times, ever less often, while it is only in trouble', async () => {
    server.answer = 500;
    const start = environment.clock.now();
    assert.deepEqual(await decide(authorizer()), {
      outcome: 'none',
      reason: '',
      error: 'an error on the server ("unknown") has prevented the request from succeeding',
    });
    assert.equal(server.asked.length, 5);
    const tookMs = environment.clock.now() - start;
    const least = 500 + 750 + 1125 + 1687.5;
    assert.ok(tookMs >= least && tookMs <= least * 1.2 + 4, String(tookMs));
    assert.ok(
      metric('apiserver_authorization_webhook_evaluations_total{name="far",result="error"} 5'),
    );
    assert.ok(
      metric(
        'apiserver_authorization_webhook_evaluations_fail_open_total{name="far",result="error"} 1',
      ),
    );
  });

  it('recovers meanwhile', async () => {
    server.answer = () => (server.asked.length < 3 ? 429 : { allowed: true });
    assert.equal((await decide(authorizer())).outcome, 'allow');
  });

  it('is asked once where it says no for good, and refuses where that is the policy', async () => {
    server.answer = 400;
    const { outcome, error } = await decide(authorizer({ failurePolicy: 'Deny' }));
    assert.deepEqual(
      [outcome, error],
      ['deny', 'the server rejected our request for an unknown reason'],
    );
    assert.equal(server.asked.length, 1);
    assert.ok(!registry.text().includes('fail_open_total{'));
  });

  it('has its time, and no more', async () => {
    server.answer = 'never';
    const start = environment.clock.now();
    const { error } = await decide(authorizer({ timeout: '2s' }));
    assert.equal(environment.clock.now() - start, 2000);
    assert.equal(error, 'Post "https://authz.example.com:443/decide": context deadline exceeded');
    assert.ok(
      metric('apiserver_authorization_webhook_evaluations_total{name="far",result="timeout"} 1'),
    );
  });

  it('is given up with the request', async () => {
    server.answer = 'never';
    const request = new AbortController();
    environment.timers.after(100, () => request.abort(new Error('gone')));
    const { outcome } = await decide(authorizer(), PODS, request.signal);
    assert.equal(outcome, 'none');
    assert.ok(
      metric('apiserver_authorization_webhook_evaluations_total{name="far",result="canceled"} 1'),
    );
    assert.ok(!registry.text().includes('fail_open_total{'));
  });

  it('is asked again when the connection breaks', async () => {
    const far = authorizer();
    server.answer = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const { error } = await decide(far);
    assert.match(
      error ?? '',
      /^Post "https:\/\/authz\.example\.com:443\/decide": .*connection reset by peer$/,
    );
    assert.equal(server.asked.length, 5);
  });

  it('must answer with a review of the same form', async () => {
    server.answer = { allowed: true };
    const table: readonly (readonly [disguise: object, error: string])[] = [
      [
        { kind: 'TokenReview' },
        'expected webhook response of authorization.k8s.io/v1, Kind=SubjectAccessReview, got authorization.k8s.io/v1, Kind=TokenReview',
      ],
      [
        { apiVersion: 'v2' },
        'expected webhook response of authorization.k8s.io/v1, Kind=SubjectAccessReview, got v2, Kind=SubjectAccessReview',
      ],
      [{ status: 7 }, 'the status of the webhook response is no object'],
    ];
    for (const [disguise, error] of table) {
      server.disguise = disguise;
      assert.deepEqual(await decide(authorizer()), { outcome: 'none', reason: '', error });
    }
  });

  it('is asked only what its conditions let through', async () => {
    const far = authorizer({
      matchConditionSubjectAccessReviewVersion: 'v1',
      matchConditions: [
        { expression: "request.resourceAttributes.namespace == 'shop'" },
        { expression: "request.user != 'root'" },
      ],
    });
    server.answer = { allowed: true };
    assert.equal((await decide(far)).outcome, 'allow');
    assert.deepEqual(await decide(far, 'GET /api/v1/nodes'), { outcome: 'none', reason: '' });
    assert.match(
      (await decide(far, 'GET /version')).error ?? '',
      /^cel evaluation error: expression 'request\.resourceAttributes\.namespace == 'shop'' resulted in error: no such key/,
    );
    assert.equal(server.asked.length, 1);
    const labels = '{type="Webhook",name="far"}';
    assert.ok(metric(`apiserver_authorization_match_condition_exclusions_total${labels} 1`));
    assert.ok(metric(`apiserver_authorization_match_condition_evaluation_errors_total${labels} 1`));
    assert.ok(
      metric(`apiserver_authorization_match_condition_evaluation_seconds_count${labels} 3`),
    );
  });

  it('cannot list what it would allow', () => {
    assert.deepEqual(authorizer().rules(JANE, 'shop'), {
      resourceRules: [],
      nonResourceRules: [],
      incomplete: true,
      errors: ['webhook authorizer does not support user rule resolution'],
    });
  });
});
