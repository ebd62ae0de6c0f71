/**
 * A node that runs short of disk, and one whose pods run short of memory: those that hold too much
 * go, the node says so and is tainted, and is as before a while after. The disk is a small one of its
 * own (a tmpfs), and the pods' memory what is left of a large reserve: the machine's is left alone.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { whyNot } from '../kit/kubelet/real-node.ts';
import { PressedNode, writer } from './pressed-node.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;
const TRANSITION_SECONDS = 10;
const EVICTION_PRESSURE_TRANSITION = {
  evictionPressureTransitionPeriod: `${TRANSITION_SECONDS}s`,
};

describe('a real node that runs out of disk', { skip }, () => {
  const DISK = '64m';
  const THRESHOLD = '24Mi';
  let pressed: PressedNode;

  before(async () => {
    pressed = new PressedNode({
      condition: 'DiskPressure',
      taint: 'node.kubernetes.io/disk-pressure',
    });
    await pressed.start(
      { ...EVICTION_PRESSURE_TRANSITION, evictionHard: { 'nodefs.available': THRESHOLD } },
      (node) => {
        mkdirSync(node.path('kubelet'));
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', node.path('kubelet')]);
      },
    );
  });
  after(async () => {
    await pressed?.stop();
    assert.equal(existsSync(pressed.node.directory), false);
  });

  it('evicts a pod that holds more than its volume may', async () => {
    await pressed.create(writer('quiet', 0));
    await pressed.running('quiet');
    await pressed.create(writer('limited', 2, { sizeLimit: '1Mi' }));
    const { status } = await pressed.evicted('limited');
    assert.equal(status?.reason, 'Evicted');
    assert.equal(status?.message, 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ');
    await pressed.untilPressure('False');
  });

  it('evicts who has filled the disk, takes no other pod, and gets over it', async () => {
    await pressed.create(writer('filler', 48));
    const under = await pressed.untilPressure('True');
    assert.equal(pressed.conditionOf(under)?.reason, 'KubeletHasDiskPressure');
    await pressed.create(writer('late', 0));
    const { status } = await pressed.evicted('filler');
    assert.equal(status?.reason, 'Evicted');
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: 24Mi, available: \d+(?:Ki|Mi)\. (?:Container main was using \S+, request is 0, has larger consumption of ephemeral-storage\. )?$/,
    );
    const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
    const late = await pressed.evicted('late');
    assert.equal(
      late.status?.message,
      'Pod was rejected: The node had condition: [DiskPressure]. ',
    );
    const relieved = await pressed.untilPressure('False');
    const [since, until] = [under, relieved].map((each) =>
      Date.parse(pressed.conditionOf(each)?.lastTransitionTime ?? ''),
    );
    // Both are in whole seconds.
    assert.ok((until ?? 0) - (since ?? 0) >= (TRANSITION_SECONDS - 1) * 1_000);
    assert.equal((await pressed.pod('quiet')).status?.phase, 'Running', 'who holds least stays');
    const quiet = await pressed.running('quiet');
    assert.equal(quiet.status?.containerStatuses?.[0]?.restartCount, 0);
  });

  it('runs pods again', async () => {
    await pressed.create(writer('after', 1));
    await pressed.running('after');
  });
});

describe('a real node whose pods run out of memory', { skip }, () => {
  const ROOM_MIB = 600;
  const THRESHOLD = '250Mi';
  let pressed: PressedNode;

  before(async () => {
    pressed = new PressedNode({
      condition: 'MemoryPressure',
      taint: 'node.kubernetes.io/memory-pressure',
    });
    await pressed.start({
      ...EVICTION_PRESSURE_TRANSITION,
      systemReserved: { memory: `${totalmem() - ROOM_MIB * 2 ** 20}` },
      evictionHard: { 'memory.available': THRESHOLD },
    });
  });
  after(async () => {
    await pressed?.stop();
    assert.equal(existsSync(pressed.node.directory), false);
  });

  it('evicts who holds most of what is left for pods, takes no other without requests, and gets over it', async () => {
    await pressed.create(writer('quiet', 0));
    await pressed.running('quiet');
    await pressed.create(writer('greedy', 450, { medium: 'Memory' }));
    const under = await pressed.untilPressure('True');
    assert.equal(pressed.conditionOf(under)?.reason, 'KubeletHasInsufficientMemory');
    const late = writer('late', 0);
    // One that bears the taint would be let in.
    delete late.spec?.tolerations;
    await pressed.create(late);
    assert.equal(
      (await pressed.evicted('late')).status?.message,
      'Pod was rejected: The node had condition: [MemoryPressure]. ',
    );
    const { status } = await pressed.evicted('greedy');
    assert.equal(status?.reason, 'Evicted');
    assert.match(
      status?.message ?? '',
      /^The node was low on resource: memory\. Threshold quantity: 250Mi, available: \d+(?:Ki|Mi)\. Container main was using \d+(?:Ki|Mi), request is 0, has larger consumption of memory\. $/,
    );
    await pressed.untilPressure('False');
    const quiet = await pressed.running('quiet');
    assert.equal(quiet.status?.containerStatuses?.[0]?.restartCount, 0);
  });
});
