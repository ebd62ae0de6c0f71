/** What admission webhooks leave in the audit log, by level. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Level } from '#api/audit/policy.ts';
import { BATCH, type Event, MemoryOutput } from '#kit/audit.ts';
import { patch, WebhookServer } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

async function annotationsAt(level: Level): Promise<Record<string, string>> {
  const output = new MemoryOutput();
  const hooks = await WebhookServer.start({
    audit: {
      policy: { rules: [{ level, resources: [{ group: '', resources: ['configmaps'] }] }] },
      log: { mode: 'blocking', batch: BATCH, format: 'json', output },
    },
  });
  hooks.respond('/one', () => ({
    ...patch({ op: 'add', path: '/data', value: { hidden: 'word' } }),
    auditAnnotations: { seen: 'yes' },
  }));
  await hooks.hook('a', '/one', { mutating: true });
  output.text = '';
  await hooks.api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
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
