/** What is begun with a volume, by tables of worlds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AttachedTo,
  planVolume,
  type Step,
  UNMOUNT_MS_MAX,
  type VolumeWorld,
} from './plan.ts';

const attached = (node: string, change: Partial<AttachedTo> = {}): AttachedTo => ({
  node,
  isWanted: false,
  isConfirmed: true,
  mayDetach: true,
  isInUse: false,
  unwantedForMs: 0,
  isNodeReady: true,
  isOutOfService: false,
  ...change,
});
const wanted = (node: string, mayAttach = true) => ({ node, mayAttach });
const detach = (node: string, force: 'none' | 'timeout' | 'out-of-service' = 'none'): Step => ({
  do: 'detach',
  node,
  force,
});
const attach = (node: string): Step => ({ do: 'attach', node });
const LATE = UNMOUNT_MS_MAX + 1;

describe('planVolume', () => {
  type Row = [claim: string, world: Partial<VolumeWorld>, steps: Step[], waitMs?: number];
  const rows: Row[] = [
    ['attaches what is wanted', { wanted: [wanted('a')] }, [attach('a')]],
    ['waits after a failure', { wanted: [wanted('a', false)] }, []],
    [
      'leaves what is attached and wanted',
      { attached: [attached('a', { isWanted: true })], wanted: [wanted('a')] },
      [],
    ],
    [
      'attaches again what may have failed',
      { attached: [attached('a', { isWanted: true, isConfirmed: false })], wanted: [wanted('a')] },
      [attach('a')],
    ],
    ['detaches what nobody wants', { attached: [attached('a')] }, [detach('a')]],
    ['does not detach while it may not', { attached: [attached('a', { mayDetach: false })] }, []],
    [
      'leaves what the node uses, for six minutes',
      { attached: [attached('a', { isInUse: true, unwantedForMs: 60_000 })] },
      [],
      UNMOUNT_MS_MAX - 60_000 + 1,
    ],
    [
      'leaves what a ready node uses after that too',
      { attached: [attached('a', { isInUse: true, unwantedForMs: LATE })] },
      [],
    ],
    [
      'gives up a node that is not ready after six minutes, without asking it',
      { attached: [attached('a', { isInUse: true, unwantedForMs: LATE, isNodeReady: false })] },
      [detach('a', 'timeout')],
    ],
    [
      'not on the dot of six minutes',
      {
        attached: [
          attached('a', { isInUse: true, unwantedForMs: UNMOUNT_MS_MAX, isNodeReady: false }),
        ],
      },
      [],
      1,
    ],
    [
      'does not give it up where that is forbidden',
      {
        attached: [attached('a', { isInUse: true, unwantedForMs: LATE, isNodeReady: false })],
        neverForces: true,
      },
      [],
    ],
    [
      'gives up a node that is out of service at once',
      { attached: [attached('a', { isInUse: true, isOutOfService: true })], neverForces: true },
      [detach('a', 'out-of-service')],
    ],
    [
      'gives up a node for its six minutes first',
      { attached: [attached('a', { unwantedForMs: LATE, isOutOfService: true })] },
      [detach('a', 'timeout')],
    ],
    [
      'detaches from one node before it attaches to the next',
      { attached: [attached('a')], wanted: [wanted('b')] },
      [detach('a')],
    ],
    [
      'refuses a second node, and names the first',
      { attached: [attached('a', { isWanted: true })], wanted: [wanted('a'), wanted('b')] },
      [{ do: 'refuse', node: 'b', others: ['a'] }],
    ],
    ['attaches to one node at a time', { wanted: [wanted('a'), wanted('b')] }, [attach('a')]],
    [
      'does as it likes with what several nodes may have',
      {
        isShared: true,
        attached: [attached('a'), attached('b', { isWanted: true })],
        wanted: [wanted('b'), wanted('c'), wanted('d')],
      },
      [detach('a'), attach('c'), attach('d')],
    ],
  ];
  for (const [claim, world, steps, waitMs] of rows) {
    it(claim, () => {
      const plan = planVolume({
        isShared: false,
        attached: [],
        wanted: [],
        neverForces: false,
        ...world,
      });
      assert.deepEqual(plan, waitMs === undefined ? { steps } : { steps, waitMs });
    });
  }
});
