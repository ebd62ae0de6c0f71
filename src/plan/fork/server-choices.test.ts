/** How a fork's API server is set up. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { serverChoices } from './server-choices.ts';

it('a fork calls nobody, and does without what needs kinds that were not read', () => {
  const all = serverChoices([], new Set());
  const callers = ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'];
  assert.deepEqual(all.admission?.disabled, callers);
  const unread = new Set(['serviceaccounts', 'secrets', 'priorityclasses.scheduling.k8s.io']);
  const some = serverChoices([], unread);
  assert.deepEqual(some.admission?.disabled, [...callers, 'ServiceAccount', 'Priority']);
  assert.equal(some.publishesAddress, false);
});

it('a fork gives Services addresses out of the range of the cluster', () => {
  const range = (name: string, cidrs: string[]) => ({
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs },
  });
  const objects = [range('other', ['10.9.0.0/16']), range('kubernetes', ['10.1.0.0/16'])];
  assert.equal(serverChoices(objects, new Set()).serviceClusterIpRange, '10.1.0.0/16');
  assert.equal(serverChoices([], new Set()).serviceClusterIpRange, '10.96.0.0/12');
});
