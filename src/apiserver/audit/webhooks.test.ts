/** What admission webhooks leave in the audit log, by level. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level } from '#api/audit/policy.ts';
import { sleep } from '#base/env.ts';
import { BATCH, type Event, MemoryOutput } from '#kit/audit.ts';
import { patch, WebhookServer } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

async function audited(level: Level): Promise<{ hooks: WebhookServer; output: MemoryOutput }> {
  const output = new MemoryOutput();
  const hooks = await WebhookServer.start({
    audit: {
      policy: { rules: [{ level, resources: [{ group: '', resources: ['configmaps'] }] }] },
      log: { mode: 'blocking', batch: BATCH, format: 'json', output },
    },
  });
  return { hooks, output };
}

async function annotationsAt(level: Level): Promise<Record<string, string>> {
  const { hooks, output } = await audited(level);
  hooks.respond('/one', () => ({
    ...patch({ op: 'add', path: '/data', value: { hidden: 'word' } }),
    auditAnnotations: { seen: 'yes' },
  }));
  await hooks.hook('a', '/one', { mutating: true });
  return annotationsOf(hooks, output);
}

/** Of the event of a new ConfigMap. */
async function annotationsOf(
  { api }: WebhookServer,
  output: MemoryOutput,
): Promise<Record<string, string>> {
  output.text = '';
  await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
  const lines = output.text.trim().split('\n');
  return (JSON.parse(lines.at(-1) ?? '') as Event)['annotations'];
}

describe('the audit event of a request that a webhook has changed', () => {
  it('says at Metadata who changed it, and not how', async () => {
    const annotations = await annotationsAt('Metadata');
    assert.equal(annotations['a.example.com/seen'], 'yes');
    assert.ok(!JSON.stringify(annotations).includes('hidden'));
    const keys = Object.keys(annotations).filter((key) => key.includes('webhook'));
    assert.deepEqual(keys, ['mutation.webhook.admission.k8s.io/round_0_index_0']);
  });

  it('says at Request how, too', async () => {
    const annotations = await annotationsAt('Request');
    const { 'patch.webhook.admission.k8s.io/round_0_index_0': text = '' } = annotations;
    assert.match(text, /"patch":\[\{.*"hidden":"word"/);
  });
});

it('the audit event of a slow write says how long webhooks took: the sum, and the slowest', async () => {
  const { hooks, output } = await audited('Metadata');
  const { environment } = hooks.api;
  const after = (ms: number) => async () => {
    await sleep(environment, ms);
    return { allowed: true };
  };
  for (const [name, ms, mutating] of [
    ['a', 300, true],
    ['b', 200, true],
    ['c', 700, false],
    ['d', 900, false],
  ] as const) {
    hooks.respond(`/${name}`, after(ms));
    await hooks.hook(name, `/${name}`, { mutating });
  }
  const annotations = await annotationsOf(hooks, output);
  const latency = (layer: string): string | undefined =>
    annotations[`apiserver.latency.k8s.io/${layer}`];
  assert.deepEqual(
    [latency('mutating-webhook'), latency('validating-webhook'), latency('total')],
    ['500ms', '900ms', '1.4s'],
  );
});
