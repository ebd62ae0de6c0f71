import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { RequestContext } from '../context.ts';
import { requestInfoOf } from '../request-info.ts';
import { annotateLatency, tookMs, waitedForOthersMs, webhookTook } from './latency.ts';

function request() {
  const environment = new VirtualEnvironment();
  const [method, url] = ['GET', '/api'];
  const context = new RequestContext(
    { method, url, headers: {} },
    requestInfoOf(method, url),
    environment,
  );
  context.latencies = new Map();
  return { context };
}

describe('the latency of a request', () => {
  it('is told of a slow one, by the layers that took any time', () => {
    const { context } = request();
    tookMs(context, 'authentication', 400);
    tookMs(context, 'authentication', 101);
    tookMs(context, 'authorization', 1.5);
    tookMs(context, 'impersonation', 0);
    annotateLatency(context, 1502.5);
    assert.deepEqual(Object.fromEntries(context.annotations), {
      'apiserver.latency.k8s.io/authentication': '501ms',
      'apiserver.latency.k8s.io/authorization': '1.5ms',
      'apiserver.latency.k8s.io/total': '1.5025s',
    });
  });

  it('is not told of a quick one, nor where no layer took any', () => {
    const { context } = request();
    tookMs(context, 'authorization', 100);
    annotateLatency(context, 500);
    assert.equal(context.annotations.size, 0);
    const other = request().context;
    annotateLatency(other, 501);
    assert.equal(other.annotations.size, 0);
  });

  it('is not measured where nothing is audited', () => {
    const { context } = request();
    context.latencies = undefined;
    tookMs(context, 'etcd', 1000);
    annotateLatency(context, 1000);
    assert.equal(context.annotations.size, 0);
    assert.equal(context.latencies, undefined);
  });

  it('without what it has waited for by the will of others is known of all', () => {
    const { context } = request();
    context.latencies = undefined;
    tookMs(context, 'apf-queue-wait', 0);
    assert.equal(context.latencies, undefined);
    assert.equal(waitedForOthersMs(context), 0);
    tookMs(context, 'apf-queue-wait', 100);
    tookMs(context, 'authorization', 50);
    webhookTook(context, 'mutating-webhook', 20);
    webhookTook(context, 'mutating-webhook', 20);
    webhookTook(context, 'validating-webhook', 5);
    webhookTook(context, 'validating-webhook', 3);
    assert.equal(waitedForOthersMs(context), 145);
  });
});
