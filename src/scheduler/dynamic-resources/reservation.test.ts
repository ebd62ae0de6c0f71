/** What is written of claims, against the API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { AllocationResult, ResourceClaim } from '#api/gen/resource-v1.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { serviceAccountController } from '#controllers/serviceaccount.ts';
import { allocationOf } from '#kit/allocator-world.ts';
import { TestCluster } from '#kit/cluster.ts';
import { aClaim, aRequest, DRIVER } from '#kit/devices.ts';
import { snapshotOf } from '#kit/scheduler-world.ts';
import { Binder } from '../binder.ts';
import { podInfo } from '../pod-info.ts';
import { unmadeClaim } from './extended-resources.ts';
import { ClaimReservation, type HeldClaim } from './reservation.ts';

const A = allocationOf('p/a');

class World {
  readonly cluster: TestCluster;
  readonly pod: Pod;
  readonly ledger = snapshotOf({ nodes: [] }).devices;

  constructor(cluster: TestCluster, pod: Pod) {
    this.cluster = cluster;
    this.pod = pod;
  }

  static async start(): Promise<World> {
    const controllers = [serviceAccountController];
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false, controllers });
    const pod = await cluster.create(POD, {
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        containers: [{ name: 'main', image: 'web', resources: { limits: { 'x.com/y': '1' } } }],
      },
    });
    await cluster.create(DEVICE_CLASS, { metadata: { name: 'gpu' }, spec: {} });
    return new World(cluster, pod);
  }

  async create(): Promise<ResourceClaim> {
    const { spec } = aClaim('one');
    const metadata = { name: 'one', namespace: 'default' };
    return this.cluster.create(RESOURCE_CLAIM, { metadata, ...(spec && { spec }) });
  }

  claim(name = 'one'): Promise<ResourceClaim> {
    return this.cluster.get(RESOURCE_CLAIM, name, 'default');
  }

  reserve(claim: HeldClaim, pod = this.pod): ClaimReservation {
    const { ledger } = this;
    return new ClaimReservation({ pod, node: 'n', claims: [claim], ledger, timeoutMs: 1000 });
  }

  act(reservation: ClaimReservation): Promise<void> {
    return this.cluster.run(reservation.act(this.cluster));
  }

  async fail(reservation: ClaimReservation): Promise<void> {
    reservation.release();
    await this.cluster.run(reservation.undo(this.cluster));
  }

  isTaken(): boolean {
    return this.ledger.inUse.isTaken(`${DRIVER}/p/a`);
  }
}

describe('the reservation of a claim', () => {
  it('holds its devices, writes them, and takes the pod’s part back when it is not bound', async () => {
    const world = await World.start();
    const reservation = world.reserve({ claim: await world.create(), allocation: A });
    assert.equal(world.isTaken(), true);
    await world.act(reservation);
    const written = await world.claim();
    assert.deepEqual(
      written.status?.reservedFor?.map(({ name }) => name),
      ['p'],
    );
    assert.deepEqual(written.status.allocation?.devices, A.devices);
    assert.equal(world.isTaken(), true);
    await world.fail(reservation);
    const now = await world.claim();
    assert.equal(now.status?.reservedFor, undefined);
    // The devices stay with the claim: the next attempt finds them there.
    assert.deepEqual(now.status?.allocation?.devices, A.devices);
    assert.equal(world.isTaken(), true);
    await world.cluster.stop();
  });

  it('is free again when nothing was written', async () => {
    const world = await World.start();
    const reservation = world.reserve({ claim: await world.create(), allocation: A });
    assert.equal(world.isTaken(), true);
    await world.fail(reservation);
    assert.equal(world.isTaken(), false);
    await world.cluster.stop();
  });

  it('is written though somebody has changed the claim meanwhile', async () => {
    const world = await World.start();
    const claim = await world.create();
    const reservation = world.reserve({ claim, allocation: A });
    await world.cluster.patch(RESOURCE_CLAIM, claim, { metadata: { labels: { a: 'b' } } });
    await world.act(reservation);
    const { metadata, status } = await world.claim();
    assert.deepEqual([metadata?.labels, status?.reservedFor?.length], [{ a: 'b' }, 1]);
    await world.cluster.stop();
  });

  it('is written by whoever of a group comes first, and kept for all', async () => {
    const world = await World.start();
    const claim = await world.create();
    const members = ['a', 'b', 'c'].map(
      (name): Pod => ({
        metadata: { name, namespace: 'default', uid: name },
        spec: { containers: [], schedulingGroup: { podGroupName: 'g' } },
      }),
    );
    const held = members.map((pod) => world.reserve({ claim, allocation: A }, pod));
    await Promise.all(held.map((reservation) => world.act(reservation)));
    const { reservedFor = [] } = (await world.claim()).status ?? {};
    assert.deepEqual(reservedFor.map(({ name }) => name).toSorted(), ['a', 'b', 'c']);
    const late = world.reserve({ claim, allocation: allocationOf('p/b') }, members[0]);
    await assert.rejects(world.act(late), /got allocated elsewhere in the meantime/);
    await world.cluster.stop();
  });

  it('is taken back when the pod cannot be bound, and when its devices take too long', async () => {
    const world = await World.start();
    const results = (A.devices?.results ?? []).map((each) => ({
      ...each,
      bindingConditions: ['Ready'],
      bindingFailureConditions: ['Broken'],
    }));
    for (const [allocation, message] of [
      [A, 'no binder'],
      [
        { devices: { results } },
        'running PreBind plugin "DynamicResources": device binding timeout: context deadline exceeded',
      ],
    ] as const) {
      const claim = await world.create();
      const binder = new Binder({
        environment: world.cluster.environment,
        client: world.cluster.client,
        onSlots: () => {},
        onWait: () => {},
        bindElsewhere: () => Promise.reject(new Error('no binder')),
      });
      const reservations = [world.reserve({ claim, allocation })];
      const plan = { info: podInfo(world.pod), node: 'n', reservations, timeoutMs: 600_000 };
      const beganMs = world.cluster.environment.elapsedMs;
      await assert.rejects(world.cluster.run(binder.bind(plan)), { message });
      assert.ok(world.cluster.environment.elapsedMs - beganMs < 10_000);
      assert.equal((await world.claim()).status?.reservedFor, undefined);
      await world.cluster.patch(RESOURCE_CLAIM, claim, { metadata: { finalizers: null } });
      await world.cluster.delete(RESOURCE_CLAIM, claim);
    }
    await world.cluster.stop();
  });

  type Row = [
    claim: string,
    allocation: AllocationResult | undefined,
    meanwhile: (world: World, claim: ResourceClaim) => Promise<unknown>,
    message: string,
  ];
  const allocate = (world: World, claim: ResourceClaim) =>
    world.cluster.run(
      world.cluster.client.update(
        RESOURCE_CLAIM,
        { ...claim, status: { allocation: allocationOf('p/b') } },
        'status',
      ),
    );
  const rows: Row[] = [
    [
      'comes to nothing when the claim got other devices',
      A,
      allocate,
      'claim default/one got allocated elsewhere in the meantime',
    ],
    [
      'comes to nothing when the claim has lost its devices',
      undefined,
      () => Promise.resolve(),
      'claim default/one got deallocated elsewhere in the meantime',
    ],
    [
      'comes to nothing when the claim is being deleted',
      A,
      async (world, claim) => {
        const finalizers = ['example.com/held'];
        await world.cluster.patch(RESOURCE_CLAIM, claim, { metadata: { finalizers } });
        await world.cluster.delete(RESOURCE_CLAIM, claim);
      },
      'claim default/one got deleted in the meantime',
    ],
    [
      'comes to nothing when the claim is gone',
      A,
      (world, claim) => world.cluster.delete(RESOURCE_CLAIM, claim),
      'add finalizer to claim default/one: resourceclaims.resource.k8s.io "one" not found',
    ],
  ];
  for (const [text, allocation, meanwhile, message] of rows)
    it(text, async () => {
      const world = await World.start();
      const claim = await world.create();
      const reservation = world.reserve({ claim, ...(allocation && { allocation }) });
      await meanwhile(world, claim);
      await assert.rejects(world.act(reservation), { message });
      await world.cluster.stop();
    });

  it('is not made for extended resources where the claim cannot be made', async () => {
    const world = await World.start();
    const claim = { ...unmadeClaim(world.pod), spec: { devices: { requests: [] } } };
    const nowhere = { ...claim, metadata: { ...claim.metadata, namespace: 'gone' } };
    const reservation = world.reserve({ claim: nowhere, allocation: A, mappings: [] });
    await assert.rejects(world.act(reservation), {
      message: 'create claim for extended resources gone/: namespaces "gone" not found',
    });
    await world.cluster.stop();
  });

  it('is that of a claim made for extended resources, which goes when the pod is not bound', async () => {
    const world = await World.start();
    const claim = {
      ...unmadeClaim(world.pod),
      spec: { devices: { requests: [aRequest('container-0-request-0')] } },
    };
    const mappings = [
      { containerName: 'main', resourceName: 'x.com/y', requestName: 'container-0-request-0' },
    ];
    const allocation = {
      devices: { results: [{ ...A.devices?.results?.[0], request: 'container-0-request-0' }] },
    } as AllocationResult;
    const reservation = world.reserve({ claim, allocation, mappings });
    await world.act(reservation);
    const pod = await world.cluster.get(POD, 'p', 'default');
    const name = pod.status?.extendedResourceClaimStatus?.resourceClaimName ?? '';
    assert.equal((await world.claim(name)).status?.reservedFor?.length, 1);
    assert.equal(world.isTaken(), true);
    await world.fail(reservation);
    assert.deepEqual(await world.cluster.list(RESOURCE_CLAIM, 'default'), []);
    assert.equal(world.isTaken(), false);
    await world.cluster.stop();
  });
});
