import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { TestApiServer } from '#kit/api-server.ts';
import type { BackendConnector } from '../../proxy/transport.ts';
import type { ImagePolicyOptions } from '../configuration/image-policy.ts';
import { imagePolicyWebhook } from './image-policy-webhook.ts';

const OPTIONS: ImagePolicyOptions = {
  allowTtlMs: 60_000,
  denyTtlMs: 10_000,
  retryBackoffMs: 500,
  defaultAllow: false,
  webhook: {
    host: '192.0.2.7',
    port: 8443,
    path: '/review',
    tls: { serverName: 'images' },
    token: 'secret',
  },
};

type Answer = { code?: number; status?: object; text?: string; error?: Error };

/** A webhook that answers as told, its last answer for ever. */
class Webhook implements BackendConnector {
  readonly asked: object[] = [];
  readonly roads: string[] = [];
  readonly answers: Answer[];
  constructor(...answers: Answer[]) {
    this.answers = answers;
  }
  to({
    host,
    port,
    tls,
  }: Parameters<BackendConnector['to']>[0]): ReturnType<BackendConnector['to']> {
    return async ({ method, url, headers, body }) => {
      this.roads.push(
        `${tls?.serverName ?? ''} ${host}:${port} ${method} ${url} ${headers['authorization'] ?? ''}`,
      );
      this.asked.push(JSON.parse(Buffer.from(body ?? '').toString()) as object);
      const {
        code = 200,
        status,
        text,
        error,
      } = this.answers.length > 1 ? (this.answers.shift() ?? {}) : (this.answers[0] ?? {});
      if (error !== undefined) throw error;
      const review = { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1alpha1', status };
      return {
        status: code,
        headers: {},
        body: { kind: 'bytes', bytes: Buffer.from(text ?? JSON.stringify(review)) },
      };
    };
  }
}

const pod = (image: string, annotations: Record<string, string> = {}) => ({
  metadata: { name: 'web', annotations },
  spec: {
    containers: [{ name: 'a', image }],
    initContainers: [{ name: 'b', image: 'init' }],
    ephemeralContainers: [{ name: 'c', image: 'debug' }],
  },
});

function world(webhook: Webhook, options: Partial<ImagePolicyOptions> = {}) {
  const bench = new AdmissionBench({ imagePolicy: { ...OPTIONS, ...options } });
  const plugin = imagePolicyWebhook({ ...bench.services, backends: webhook });
  const ask = (asked: Partial<Asked> = {}): Promise<string> =>
    bench.environment.resolve(bench.run(plugin, { plural: 'pods', object: pod('i'), ...asked }));
  return { bench, ask };
}

const ALLOWED: Answer = { status: { allowed: true } };
const head = '403 pods "web" is forbidden: ';

describe('ImagePolicyWebhook', () => {
  it('asks for the images of a pod, and what its annotations say of them', async () => {
    const webhook = new Webhook(ALLOWED);
    const { ask } = world(webhook);
    const annotations = { 'x.image-policy.k8s.io/y': 'z', other: 'o' };
    assert.equal(await ask({ object: pod('i', annotations) }), 'admitted');
    assert.deepEqual(webhook.roads, ['images 192.0.2.7:8443 POST /review Bearer secret']);
    assert.deepEqual(webhook.asked, [
      {
        kind: 'ImageReview',
        apiVersion: 'imagepolicy.k8s.io/v1alpha1',
        metadata: {},
        spec: {
          containers: [{ image: 'i' }, { image: 'init' }],
          annotations: { 'x.image-policy.k8s.io/y': 'z' },
          namespace: 'default',
        },
      },
    ]);
    assert.equal(
      await ask({ subresource: 'ephemeralcontainers', operation: 'UPDATE' }),
      'admitted',
    );
    assert.deepEqual((webhook.asked[1] as { spec: object }).spec, {
      containers: [{ image: 'debug' }],
      namespace: 'default',
    });
    for (const asked of [
      { subresource: 'status' },
      { plural: 'configmaps' },
      { operation: 'DELETE' as const },
    ])
      assert.equal(await ask(asked), 'admitted');
    assert.equal(webhook.asked.length, 2);
  });

  it('refuses what the webhook refuses, and notes what it says', async () => {
    const auditAnnotations = { policy: 'p1' };
    const { ask, bench } = world(
      new Webhook({ status: { allowed: false, reason: 'no latest', auditAnnotations } }),
    );
    assert.equal(
      await ask(),
      `${head}image policy webhook backend denied one or more images: no latest`,
    );
    assert.deepEqual(
      [...bench.annotations],
      [['imagepolicywebhook.image-policy.k8s.io/policy', 'p1']],
    );
    const silent = world(new Webhook({ status: {} }));
    assert.equal(await silent.ask(), `${head}one or more images rejected by webhook backend`);
  });

  it('believes an answer as long as it is configured to', async () => {
    const webhook = new Webhook(ALLOWED, { status: { allowed: false } }, ALLOWED);
    const { ask, bench } = world(webhook);
    assert.equal(await ask(), 'admitted');
    await bench.environment.advance(59_999);
    assert.equal(await ask(), 'admitted');
    assert.equal(webhook.asked.length, 1);
    await bench.environment.advance(1);
    assert.match(await ask(), /^403/);
    await bench.environment.advance(9_999);
    assert.match(await ask(), /^403/);
    assert.equal(webhook.asked.length, 2);
    await bench.environment.advance(1);
    assert.equal(await ask(), 'admitted');
    assert.equal(await ask({ object: pod('j') }), 'admitted');
    assert.equal(webhook.asked.length, 4);
    const never = new Webhook(ALLOWED);
    const open = world(never, { allowTtlMs: 0 });
    await open.ask();
    await open.ask();
    assert.equal(never.asked.length, 2);
  });

  it('asks again where the next answer may be another', async () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const passing = [{ code: 500 }, { code: 429 }, { code: 504 }, { error: reset }];
    const webhook = new Webhook(...passing, ALLOWED);
    const { ask, bench } = world(webhook);
    const beganMs = bench.environment.clock.monotonicMs();
    assert.equal(await ask(), 'admitted');
    const tookMs = bench.environment.clock.monotonicMs() - beganMs;
    const leastMs = 500 * (1 + 1.5 + 2.25 + 3.375);
    assert.ok(tookMs >= leastMs && tookMs <= leastMs * 1.2, String(tookMs));
    const worse = new Webhook({ code: 500, text: 'boom' });
    assert.equal(
      await world(worse).ask(),
      `${head}an error on the server ("boom") has prevented the request from succeeding`,
    );
    assert.equal(worse.asked.length, 5);
  });

  it('refuses at once where nothing comes of asking again', async () => {
    const rows: [Answer, string][] = [
      [{ code: 404, text: 'gone' }, 'the server could not find the requested resource'],
      [{ text: 'hello' }, 'the webhook answered no ImageReview'],
      ...[
        { kind: 'Pod', apiVersion: 'imagepolicy.k8s.io/v1alpha1' },
        { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1' },
      ].map((head_): [Answer, string] => [
        { text: JSON.stringify({ ...head_, status: { allowed: true } }) },
        'the webhook answered no ImageReview',
      ]),
      [{ error: new Error('no road') }, 'Post "https://192.0.2.7:8443/review": no road'],
    ];
    for (const [answer, said] of rows) {
      const webhook = new Webhook(answer);
      assert.equal(await world(webhook).ask(), head + said);
      assert.equal(webhook.asked.length, 1);
    }
  });

  it('lets in unasked where that is configured, and notes it', async () => {
    const webhook = new Webhook({ code: 404 }, { status: { allowed: false } });
    const { ask, bench } = world(webhook, { defaultAllow: true });
    assert.equal(await ask(), 'admitted');
    assert.deepEqual(
      [...bench.annotations],
      [['imagepolicywebhook.image-policy.k8s.io/failed-open', 'true']],
    );
    assert.match(await ask(), /^403/, 'that there was no answer is not remembered');
  });

  it('does not ask again for who has gone', async () => {
    const gone = new AbortController();
    const webhook = new Webhook({ code: 500, text: 'boom' });
    const bench = new AdmissionBench({ imagePolicy: OPTIONS });
    const plugin = imagePolicyWebhook({ ...bench.services, backends: webhook });
    const attributes = bench.attributes({ plural: 'pods', object: pod('i') });
    gone.abort();
    await assert.rejects(
      bench.environment.resolve(
        Promise.resolve(plugin.validate?.({ ...attributes, signal: gone.signal })),
      ),
    );
    assert.equal(webhook.asked.length, 1);
  });

  it('waits no longer than half a minute for an answer', async () => {
    const silent: BackendConnector = {
      to:
        () =>
        ({ signal }) =>
          new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(new Error('aborted'))),
          ),
    };
    const bench = new AdmissionBench({ imagePolicy: OPTIONS });
    const plugin = imagePolicyWebhook({ ...bench.services, backends: silent });
    const beganMs = bench.environment.clock.monotonicMs();
    const said = await bench.environment.resolve(
      bench.run(plugin, { plural: 'pods', object: pod('i') }),
    );
    assert.equal(said, `${head}Post "https://192.0.2.7:8443/review": context deadline exceeded`);
    assert.equal(bench.environment.clock.monotonicMs() - beganMs, 30_000);
  });

  it('guards an API server that has it on', async () => {
    const webhook = new Webhook({ status: { allowed: false, reason: 'bad' } });
    const server = await TestApiServer.start({
      backends: webhook,
      admission: {
        enabled: ['ImagePolicyWebhook'],
        disabled: ['ServiceAccount'],
        configuration: { imagePolicy: OPTIONS },
      },
    });
    const { metadata, spec } = pod('i');
    const made = { metadata, spec: { ...spec, ephemeralContainers: [] } };
    assert.equal(
      await server.refusal('POST /api/v1/namespaces/default/pods', made),
      `${head}image policy webhook backend denied one or more images: bad`,
    );
  });
});
