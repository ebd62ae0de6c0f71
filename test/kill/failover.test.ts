/** The leader ends without a word. `npm run kill -- --failovers 3` measures it with upstream's times. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFailovers, failovers } from './failover.ts';

/**
 * Upstream's election, two and a half times as fast: a leader that gets no processor for the renewal
 * deadline, on a busy machine, would end by itself.
 */
const QUICK = [
  '--leader-elect-lease-duration=6s',
  '--leader-elect-renew-deadline=4s',
  '--leader-elect-retry-period=800ms',
];

it('a second controller manager and a second scheduler go on after the SIGKILL of the first', async (t) => {
  const found = await failovers(t, QUICK);
  t.diagnostic(describeFailovers(found));
  assert.deepEqual(
    found.map(({ component }) => component),
    ['kube-controller-manager', 'kube-scheduler'],
  );
});
