import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AllocationResult, ResourceClaim } from '#api/gen/resource-v1.ts';
import { allocationOf } from '#kit/allocator-world.ts';
import { aClaim, DRIVER } from '#kit/devices.ts';
import { snapshotOf } from '#kit/scheduler-world.ts';
import type { DeviceLedger } from './ledger.ts';

/** A ledger over claims that the test shows it. */
class Shown {
  readonly claims = new Map<string, ResourceClaim>();
  readonly ledger: DeviceLedger;

  constructor(...claims: readonly ResourceClaim[]) {
    for (const each of claims) this.claims.set(`default/${each.metadata?.name}`, each);
    this.ledger = snapshotOf({
      nodes: [],
      objects: {
        resourceClaims: () => [...this.claims.values()],
        resourceClaim: (key) => this.claims.get(key),
      },
    }).devices;
  }

  show(name: string, after: ResourceClaim | undefined): void {
    const key = `default/${name}`;
    const before = this.claims.get(key);
    if (after === undefined) this.claims.delete(key);
    else this.claims.set(key, after);
    this.ledger.changed({
      resource: 'ResourceClaim',
      action: 'Update',
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    });
  }

  isTaken(device: string): boolean {
    return this.ledger.inUse.isTaken(`${DRIVER}/${device}`);
  }
}

function claim(resourceVersion: string, allocation?: AllocationResult): ResourceClaim {
  const { metadata, spec } = aClaim('one');
  return {
    metadata: { ...metadata, resourceVersion },
    ...(spec === undefined ? {} : { spec }),
    ...(allocation === undefined ? {} : { status: { allocation } }),
  };
}

const A = allocationOf('p/a');

describe('a device', () => {
  it('is taken by a claim that has it, until it has it no more', () => {
    const world = new Shown(claim('1', A));
    assert.equal(world.isTaken('p/a'), true);
    world.show('one', claim('2'));
    assert.equal(world.isTaken('p/a'), false);
    world.show('one', claim('3', allocationOf('p/b')));
    assert.deepEqual([world.isTaken('p/a'), world.isTaken('p/b')], [false, true]);
    world.show('one', undefined);
    assert.equal(world.isTaken('p/b'), false);
  });

  it('is taken from when it is chosen, and free when it is given back', () => {
    const world = new Shown(claim('1'));
    world.ledger.begin(claim('1'), A);
    assert.deepEqual([world.isTaken('p/a'), world.ledger.isInFlight('uid-one')], [true, true]);
    world.ledger.end(claim('1'));
    assert.deepEqual([world.isTaken('p/a'), world.ledger.isInFlight('uid-one')], [false, false]);
  });

  it('is taken until the last pod of a group has given it back', () => {
    const world = new Shown(claim('1'));
    for (const _ of ['first', 'second']) world.ledger.begin(claim('1'), A, 'default/g');
    assert.equal(world.ledger.sharedIn('uid-one', 'default/g'), A);
    assert.equal(world.ledger.sharedIn('uid-one', 'default/h'), undefined);
    world.ledger.end(claim('1'));
    assert.equal(world.isTaken('p/a'), true);
    world.ledger.end(claim('1'));
    assert.equal(world.isTaken('p/a'), false);
  });

  it('is not given away by an answer that comes late', () => {
    const world = new Shown();
    world.ledger.wrote(claim('4'));
    world.ledger.wrote(claim('3', A));
    assert.equal(world.isTaken('p/a'), false);
  });

  it('stays taken from the write to the day that the API shows it', () => {
    const world = new Shown(claim('1'));
    world.ledger.begin(claim('1'), A);
    world.ledger.wrote(claim('3', A));
    world.ledger.end(claim('1'));
    assert.equal(world.isTaken('p/a'), true);
    // The finalizer came first: this one is older than what was written.
    world.show('one', claim('2'));
    assert.equal(world.isTaken('p/a'), true);
    world.show('one', claim('3', A));
    world.show('one', claim('4'));
    assert.equal(world.isTaken('p/a'), false);
  });

  it('is free when what was written is deleted before the API showed it', () => {
    const world = new Shown();
    assert.equal(world.isTaken('p/a'), false);
    world.ledger.wrote(claim('3', A));
    assert.equal(world.isTaken('p/a'), true);
    world.ledger.forget(claim('3', A));
    assert.equal(world.isTaken('p/a'), false);
  });

  it('is free when a newer event shows that the claim is gone', () => {
    const world = new Shown();
    assert.equal(world.isTaken('p/a'), false);
    world.ledger.wrote(claim('3', A));
    const other = aClaim(
      'two',
      {},
      { metadata: { name: 'two', namespace: 'default', uid: 'u', resourceVersion: '4' } },
    );
    world.show('two', other);
    assert.equal(world.isTaken('p/a'), false);
  });
});
