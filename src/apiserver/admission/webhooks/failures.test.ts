/** What becomes of a request whose webhook cannot be asked, by its failurePolicy. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpResponse } from '#base/http/message.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { type Asked, json, WebhookServer } from '#kit/webhook-server.ts';
import { WebhookBudget } from './budget.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const POST = 'Post "https://10.0.0.7:9443/hook?timeout=5s"';
const never = (): Promise<HttpResponse> => new Promise(() => {});

function coded(message: string, code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(message), { code }));
}

function text(status: number, body: string, type = 'text/plain'): Promise<HttpResponse> {
  return Promise.resolve({
    status,
    headers: { 'content-type': type },
    body: { kind: 'bytes', bytes: Buffer.from(body) },
  });
}

const reviewed =
  (response: object, over: object = {}) =>
  ({ review }: Asked) =>
    Promise.resolve(
      json(200, {
        apiVersion: review.apiVersion,
        kind: review.kind,
        response: { uid: review.request.uid, allowed: true, ...response },
        ...over,
      }),
    );

interface Failure {
  readonly what: string;
  readonly answer: (asked: Asked) => Promise<HttpResponse>;
  readonly reason: string;
}

const FAILURES: readonly Failure[] = [
  {
    what: 'a refused connection',
    answer: () => coded('connect ECONNREFUSED', 'ECONNREFUSED'),
    reason: `failed to call webhook: ${POST}: dial tcp 10.0.0.7:9443: connect: connection refused`,
  },
  {
    what: 'a time-out',
    answer: never,
    reason: `failed to call webhook: ${POST}: context deadline exceeded`,
  },
  {
    what: 'a certificate of somebody else',
    answer: () =>
      coded('unable to verify the first certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    reason: `failed to call webhook: ${POST}: unable to verify the first certificate`,
  },
  {
    what: 'no JSON',
    answer: () => text(200, 'hello'),
    reason:
      "failed to call webhook: couldn't get version/kind; json parse error: invalid character 'h' looking for beginning of value",
  },
  {
    what: 'an empty answer',
    answer: () => text(200, ''),
    reason:
      'failed to call webhook: 0-length response with status code: 200 and content type: text/plain',
  },
  {
    what: 'a body that never ends',
    answer: () =>
      Promise.resolve({
        status: 200,
        headers: {},
        body: { kind: 'stream', start: (sink) => void sink.write(Buffer.from('{')) },
      }),
    reason:
      'failed to call webhook: unexpected error when reading response body. Please retry. Original error: context deadline exceeded',
  },
  {
    what: 'an endless body',
    answer: () =>
      Promise.resolve({
        status: 200,
        headers: {},
        body: { kind: 'stream', start: (sink) => void sink.write(Buffer.alloc(9 * 1024 * 1024)) },
      }),
    reason:
      'failed to call webhook: unexpected error when reading response body. Please retry. Original error: Cannot read body: more than 8388608 bytes',
  },
  {
    what: 'the uid of another request',
    answer: reviewed({ uid: 'other' }),
    reason: 'received invalid webhook response: expected response.uid="UID", got "other"',
  },
  {
    what: 'HTTP 500',
    answer: () => text(500, ' boom\n'),
    reason:
      'failed to call webhook: an error on the server ("boom") has prevented the request from succeeding',
  },
  {
    what: 'HTTP 404 with a page',
    answer: () => text(404, '<html>', 'text/html'),
    reason: 'failed to call webhook: the server could not find the requested resource',
  },
  {
    what: 'a Status',
    answer: () =>
      Promise.resolve(
        json(403, { kind: 'Status', status: 'Failure', code: 403, message: 'go away' }),
      ),
    reason: 'failed to call webhook: go away',
  },
  {
    what: 'a redirect',
    answer: () =>
      Promise.resolve({ status: 302, headers: { location: 'https://169.254.169.254/' } }),
    reason:
      'failed to call webhook: the server responded with the status code 302 but did not return more information',
  },
  {
    what: 'no response in the review',
    answer: ({ review: { apiVersion, kind } }) => Promise.resolve(json(200, { apiVersion, kind })),
    reason: 'received invalid webhook response: webhook response was absent',
  },
  {
    what: 'another kind',
    answer: reviewed({}, { kind: 'Pod' }),
    reason:
      'received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1, Kind=Pod',
  },
  {
    what: 'another version of the review',
    answer: reviewed({}, { apiVersion: 'admission.k8s.io/v1beta1' }),
    reason:
      'received invalid webhook response: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion',
  },
  {
    what: 'a word for yes',
    answer: reviewed({ allowed: 'yes' }),
    reason:
      'received invalid webhook response: json: cannot unmarshal into Go struct field AdmissionResponse.allowed of type bool',
  },
];

for (const mutating of [true, false]) {
  describe(`a ${mutating ? 'mutating' : 'validating'} webhook that cannot be asked:`, () => {
    for (const { what, answer, reason } of FAILURES) {
      it(what, async () => {
        const hooks = await WebhookServer.start();
        const { api } = hooks;
        hooks.answer('/hook', answer);
        await hooks.hook('a', '/hook', { mutating, timeoutSeconds: 5, failurePolicy: 'Fail' });
        const refused = await api.call(`POST ${MAPS}`, { metadata: { name: 'closed' } });
        const uid = hooks.requests[0]?.uid ?? '';
        const message = `failed calling webhook "a.example.com": ${reason.replace('UID', uid)}`;
        assert.equal(refused.body.message, `Internal error occurred: ${message}`);
        assert.deepEqual([refused.status, refused.body.reason], [500, 'InternalError']);
        const plural = `${mutating ? 'mutating' : 'validating'}webhookconfigurations`;
        const path = `/apis/admissionregistration.k8s.io/v1/${plural}/a`;
        await api.must(`DELETE ${path}`);
        await hooks.hook('a', '/hook', { mutating, timeoutSeconds: 5, failurePolicy: 'Ignore' });
        await api.must(`POST ${MAPS}`, { metadata: { name: 'open' } });
        assert.equal(hooks.asked.length, 2);
        const metrics = (await api.call('GET /metrics')).body as string;
        const type = mutating ? 'admit' : 'validating';
        assert.match(
          metrics,
          new RegExp(`webhook_fail_open_count{name="a.example.com",type="${type}"} 1\n`),
        );
        assert.match(
          metrics,
          new RegExp(
            `webhook_rejection_count{name="a.example.com",type="${type}",operation="CREATE",error_type="calling_webhook_error",rejection_code="(503|500|404|403|302)"} 1\n`,
          ),
        );
      });
    }
  });
}

describe('the time of webhooks', () => {
  it('ends the request too, whatever the policy for failures', async () => {
    const hooks = await WebhookServer.start({ limits: { webhookBudgetMs: 2_000 } });
    hooks.answer('/hook', never);
    await hooks.hook('a', '/hook', { failurePolicy: 'Ignore' });
    const said = await hooks.api.refusal(`POST ${MAPS}`, { metadata: { name: 'a' } });
    assert.equal(said, '504 Timeout: admission webhooks did not complete within 2s together');
  });

  it('begins with the first call, and is over for all that follow', async () => {
    const environment = new VirtualEnvironment();
    const budget = new WebhookBudget(environment.clock, 1_000);
    const request = {};
    assert.equal(budget.left(request), 1_000);
    await environment.advance(400);
    assert.deepEqual([budget.left(request), budget.left({})], [600, 1_000]);
    await environment.advance(600);
    assert.throws(() => budget.left(request), /within 1s together/);
  });

  it('is what all of one request have together', async () => {
    const hooks = await WebhookServer.start({ limits: { webhookBudgetMs: 12_000 } });
    const { api } = hooks;
    hooks.answer('/hook', never);
    for (const name of ['a', 'b', 'c'])
      await hooks.hook(name, '/hook', { failurePolicy: 'Ignore', mutating: true });
    const startMs = api.environment.clock.monotonicMs();
    const said = await api.refusal(`POST ${MAPS}`, { metadata: { name: 'a' } });
    assert.equal(said, '504 Timeout: admission webhooks did not complete within 12s together');
    assert.deepEqual(
      hooks.asked.map(({ url }) => url),
      ['/hook?timeout=10s', '/hook?timeout=2s'],
    );
    assert.equal(Math.round((api.environment.clock.monotonicMs() - startMs) / 1000), 12);
    // Another request has its own, and so has each object of a collection.
    hooks.answer('/hook', reviewed({}));
    await api.must(`POST ${MAPS}`, { metadata: { name: 'b' } });
    for (let n = 0; n < 40; n++) await api.must(`POST ${MAPS}`, { metadata: { name: `m-${n}` } });
    // Sixteen at a time, a second for each webhook: longer together than one request may take.
    hooks.answer('/hook', async (asked) => {
      await new Promise<void>((resolve) => void api.environment.timers.after(1_500, resolve));
      return reviewed({})(asked);
    });
    await api.must(`DELETE ${MAPS}`);
  });
});
