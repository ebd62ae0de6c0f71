/** Stories of what `cox why` says of admission webhooks: what they cost, and which pods they refuse. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/validating-webhook-configuration.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { sleep } from '#base/env.ts';
import { why } from '#cli/why/command.ts';
import { RestClient } from '#client/rest.ts';
import { TestCluster } from '#kit/cluster.ts';
import { json, rule, webhook } from '#kit/webhook-server.ts';

let cluster: TestCluster;

async function answer(path: string, uid: string): Promise<HttpResponse> {
  if (path === '/down') throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
  if (path === '/broken') return json(500, {});
  if (path === '/slow') await sleep(cluster.environment, 2_000);
  const denies = path === '/deny';
  return json(200, {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: !denies, ...(denies ? { status: { message: 'no root' } } : {}) },
  });
}

before(async () => {
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    apiServer: {
      backends: {
        to:
          () =>
          ({ url, body }) =>
            answer(
              url.split('?', 1)[0] ?? '',
              JSON.parse(Buffer.from(body ?? '').toString()).request.uid,
            ),
      },
    },
  });
});
after(() => cluster.stop());

const ask = (words: string[], flags = {}): Promise<string> => {
  const { environment } = cluster;
  const client = cluster.client as RestClient;
  assert.ok(client instanceof RestClient && environment !== undefined);
  return cluster.run(why(words, flags, { client, namespace: 'default' }));
};

async function configure(name: string, path: string, over: object = {}): Promise<void> {
  await cluster.create(VALIDATING_WEBHOOK_CONFIGURATION, {
    metadata: { name },
    webhooks: [webhook(name, path, over) as never],
  });
}

async function unconfigure(name: string): Promise<void> {
  await cluster.delete(VALIDATING_WEBHOOK_CONFIGURATION, { metadata: { name } });
}

const pods = { rules: [rule('pods')] };

async function deploy(name: string): Promise<void> {
  const labels = { app: name };
  await cluster.create(DEPLOYMENT, {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image: 'web' }] },
      },
    },
  });
  await cluster.settle();
}

describe('a workload whose pods a webhook refuses', () => {
  it('names the webhook that says no', async () => {
    await configure('guard', '/deny', pods);
    await deploy('web');
    const text = await ask(['deployment', 'web']);
    assert.match(
      text,
      /^Deployment web has 0 of 3 pods: webhook guard\.example\.com refuses them\.\n/,
    );
    assert.match(
      text,
      /webhook guard\.example\.com +Error creating: .*denied the request: no root/,
    );
    assert.match(text, /namespaceSelector in ValidatingWebhookConfiguration guard\n/);
    const [set] = await cluster.list(REPLICA_SET, 'default');
    const name = set?.metadata?.name ?? '';
    assert.match(await ask(['rs', name]), /^ReplicaSet web-\w+ has 0 of 3 pods: webhook guard/);
    await unconfigure('guard');
  });

  it('names the webhook that cannot be asked, and where it is', async () => {
    await configure('guard', '/down', pods);
    await deploy('shop');
    const text = await ask(['deploy/shop']);
    assert.match(text, /: webhook guard\.example\.com cannot be asked about them\.\n/);
    assert.match(text, / see to the server at https:\/\/10\.0\.0\.7:9443\/down, which Validating/);
    assert.match(text, /failurePolicy Ignore in ValidatingWebhookConfiguration guard\n/);
    await unconfigure('guard');
  });

  it('is at rest where it has what it wants', async () => {
    await cluster.advance(600_000);
    assert.match(await ask(['deploy/shop']), /^Deployment shop has 3 of 3 pods: /);
  });
});

describe('cox why webhooks', () => {
  const write = (name: string): Promise<unknown> =>
    cluster
      .create(CONFIG_MAP, { metadata: { name, namespace: 'default' } })
      .catch((error: unknown) => error);

  it('says what each costs, what it refused, and what it let pass unasked', async () => {
    const named = (path: string, over: object = {}): Promise<void> =>
      configure(path.slice(1), path, {
        ...over,
        matchConditions: [
          { name: 'mine', expression: `object.metadata.name.startsWith('${path.slice(1)}')` },
        ],
      });
    await named('/deny');
    await named('/down', { failurePolicy: 'Ignore' });
    await named('/broken');
    await named('/slow');
    for (let nth = 0; nth < 3; nth++)
      for (const name of ['deny', 'down', 'broken', 'slow', 'fine']) await write(`${name}-${nth}`);
    const lines = (await ask(['webhooks'])).split('\n');
    const row = (name: string): string[] =>
      (lines.find((line) => line.startsWith(`${name}.example.com `)) ?? '').split(/ {2,}/).slice(1);
    assert.deepEqual(row('deny'), ['validating', '3', '≤5ms', '≤5ms', '3', '0', '0', 'Fail']);
    assert.deepEqual(row('down'), ['validating', '3', '≤5ms', '≤5ms', '0', '0', '3', 'Ignore']);
    assert.deepEqual(row('broken'), ['validating', '3', '≤5ms', '≤5ms', '0', '3', '0', 'Fail']);
    assert.deepEqual(row('slow'), ['validating', '3', '≤2.5s', '≤2.5s', '0', '0', '0', 'Fail']);
    assert.ok(row('guard').includes('(gone)'));
    const notes = lines.join('\n');
    assert.match(notes, /^broken\.example\.com \(of broken\) failed: HTTP 500 3\.$/m);
    assert.match(notes, /^slow\.example\.com \(of slow\) makes writes slow: it may take 10 s/m);
    assert.doesNotMatch(notes, /^deny\.example\.com \(of/m);
  });

  it('gives the figures as JSON', async () => {
    const { webhooks } = JSON.parse(await ask(['webhooks'], { output: 'json' }));
    const slow = webhooks.find(({ name }: { name: string }) => name === 'slow.example.com');
    assert.deepEqual([slow.calls, slow.p99Seconds, slow.configurations], [3, 2.5, ['slow']]);
  });
});
