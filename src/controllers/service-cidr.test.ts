/** Ranges of Service addresses: when they are ready, and when they may go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { SERVICE } from '#api/core/service.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { SERVICE_CIDR } from '#api/networking/service-cidr.ts';
import { ipAddressFor } from '#api/networking/service-ranges.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { parseIp } from '#base/ip.ts';
import { TestCluster } from '#kit/cluster.ts';
import { isDispensable, serviceCidrController } from './service-cidr.ts';

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';

const range = (name: string, ...cidrs: string[]): ServiceCIDR => ({
  metadata: { name },
  spec: { cidrs },
});

const start = (): Promise<TestCluster> =>
  TestCluster.start({ nodes: 0, controllers: [serviceCidrController], scheduler: false });

/** The condition, in words; `gone` when the range is. */
async function stateOf(cluster: TestCluster, name: string): Promise<string> {
  try {
    const { metadata, status } = await cluster.get(SERVICE_CIDR, name);
    const [condition] = status?.conditions ?? [];
    const held = metadata?.finalizers?.includes(FINALIZER) === true ? ' held' : '';
    return `Ready=${condition?.status} ${condition?.reason}${held}`;
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    throw error;
  }
}

const service = (name: string, clusterIP: string) => ({
  metadata: { name, namespace: 'default' },
  spec: { clusterIP, ports: [{ port: 80 }] },
});

describe('a range', () => {
  it('is held and made ready, the one of the flag too', async () => {
    const cluster = await start();
    await cluster.create(SERVICE_CIDR, range('more', '10.97.0.0/24'));
    await cluster.settle();
    assert.equal(await stateOf(cluster, 'more'), 'Ready=True  held');
    assert.equal(await stateOf(cluster, 'kubernetes'), 'Ready=True  held');
    await cluster.stop();
  });

  it('that cannot be made ready is told of', async () => {
    const cluster = await start();
    const metadata = { name: 'system:controller:service-cidrs-controller' };
    const { rules } = await cluster.get(CLUSTER_ROLE, metadata.name);
    const left = rules.filter(
      ({ resources }) => resources?.includes('servicecidrs/status') !== true,
    );
    assert.notEqual(left.length, rules.length);
    await cluster.patch(CLUSTER_ROLE, { metadata, rules }, { rules: left });
    await cluster.create(SERVICE_CIDR, range('more', '10.97.0.0/24'));
    await cluster.advance(1_000);
    const [event] = (await cluster.list(EVENT)).filter(
      ({ involvedObject }) => involvedObject.name === 'more',
    );
    assert.deepEqual(
      [event?.type, event?.reason, event?.message],
      [
        'Warning',
        'KubernetesServiceCIDRError',
        'The ServiceCIDR Status can not be set to Ready=True',
      ],
    );
    await cluster.stop();
  });

  it('that nobody has an address of goes ten seconds after it was deleted', async () => {
    const cluster = await start();
    const more = await cluster.create(SERVICE_CIDR, range('more', '10.97.0.0/24'));
    await cluster.settle();
    await cluster.delete(SERVICE_CIDR, more);
    await cluster.advance(8_000);
    assert.notEqual(await stateOf(cluster, 'more'), 'gone');
    await cluster.advance(3_000);
    assert.equal(await stateOf(cluster, 'more'), 'gone');
    await cluster.stop();
  });

  it('waits for the last Service with an address of it, and says so', async () => {
    const cluster = await start();
    const more = await cluster.create(SERVICE_CIDR, range('more', '10.97.0.0/24'));
    const web = await cluster.create(SERVICE, service('web', '10.97.0.9'));
    await cluster.settle();
    await cluster.delete(SERVICE_CIDR, more);
    await cluster.advance(60_000);
    assert.equal(await stateOf(cluster, 'more'), 'Ready=False Terminating held');
    await assert.rejects(cluster.create(SERVICE, service('b', '10.97.0.10')), {
      code: 422,
    });
    await cluster.delete(SERVICE, web);
    await cluster.advance(1_000);
    assert.equal(await stateOf(cluster, 'more'), 'gone');
    await cluster.stop();
  });

  it('goes when a larger one comes', async () => {
    const cluster = await start();
    const more = await cluster.create(SERVICE_CIDR, range('more', '10.97.0.0/24'));
    await cluster.create(SERVICE, service('web', '10.97.0.9'));
    await cluster.settle();
    await cluster.delete(SERVICE_CIDR, more);
    await cluster.advance(20_000);
    await cluster.create(SERVICE_CIDR, range('larger', '10.97.0.0/16'));
    await cluster.advance(1_000);
    assert.equal(await stateOf(cluster, 'more'), 'gone');
    await cluster.stop();
  });

  it('of the flag stays for the Service kubernetes', async () => {
    const cluster = await start();
    await cluster.delete(SERVICE_CIDR, range('kubernetes'));
    await cluster.advance(60_000);
    assert.equal(await stateOf(cluster, 'kubernetes'), 'Ready=False Terminating held');
    // The API server that keeps it has nothing to say to that.
    assert.deepEqual(await cluster.list(EVENT), []);
    await cluster.stop();
  });
});

describe('isDispensable', () => {
  const own = range('own', '10.97.0.0/24', 'fd00::/112');
  const held = ipAddressFor(parseIp('10.97.0.9')!, { namespace: 'default', name: 'web' });
  const theirs = { ...held, metadata: { name: '10.97.0.9' } };
  type Row = [claim: string, others: ServiceCIDR[], addresses: (typeof held)[], is: boolean];
  const rows: Row[] = [
    ['a range without addresses', [], [], true],
    ['not one with an address', [], [held], false],
    ['but what others have made does not count', [], [theirs], true],
    ['one whose addresses lie in another', [range('b', '10.97.0.0/28')], [held], true],
    ['not where that one ends before them', [range('b', '10.97.0.0/29')], [held], false],
    [
      'one that two others cover',
      [range('b', '10.0.0.0/8'), range('c', 'fd00::/64')],
      [held],
      true,
    ],
  ];
  for (const [claim, others, addresses, is] of rows)
    it(claim, () => assert.equal(isDispensable(own, [own, ...others], addresses), is));
});
