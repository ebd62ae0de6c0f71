/** What happens to tokens in Secrets, by table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Secret, ServiceAccount } from '#api/gen/core-v1.ts';
import { fateOf } from './plan.ts';

const DAY_MS = 24 * 60 * 60_000;
const NOW_MS = Date.UTC(2030, 5, 15, 12);
const USED = 'kubernetes.io/legacy-token-last-used';
const INVALID = 'kubernetes.io/legacy-token-invalid-since';

const OWNER: ServiceAccount = {
  metadata: { name: 'robot', namespace: 'default', uid: 'robot' },
  secrets: [{ name: 'token' }],
};
const MOUNTING: Pod = {
  spec: { containers: [], volumes: [{ name: 'a', secret: { secretName: 'token' } }] },
};

function secret(labels: Record<string, string> = {}, change: Secret['metadata'] = {}): Secret {
  return {
    metadata: {
      name: 'token',
      namespace: 'default',
      creationTimestamp: '2030-06-05T11:59:59Z',
      annotations: {
        'kubernetes.io/service-account.name': 'robot',
        'kubernetes.io/service-account.uid': 'robot',
      },
      labels,
      ...change,
    },
  };
}

describe('a token that has not been used for ten days', () => {
  const fate = (each: Secret, pods: readonly Pod[] = [], owner = OWNER): string =>
    fateOf(each, {
      nowMs: NOW_MS,
      unusedMs: 10 * DAY_MS,
      account: (name) => (name === 'robot' ? owner : undefined),
      pods: () => pods,
    });
  const tables: [string, string, string][] = [
    ['is blocked', fate(secret()), 'block'],
    [
      'is kept when it is younger',
      fate(secret({}, { creationTimestamp: '2030-06-05T12:00:00Z' })),
      'keep',
    ],
    [
      'is kept while it is being deleted',
      fate(secret({}, { deletionTimestamp: '2030-06-15T00:00:00Z' })),
      'keep',
    ],
    ['is kept when its last use is recent', fate(secret({ [USED]: '2030-06-05' })), 'keep'],
    ['is blocked when its last use is long ago', fate(secret({ [USED]: '2030-06-04' })), 'block'],
    ['is kept when its last use cannot be read', fate(secret({ [USED]: 'once' })), 'keep'],
    [
      'is kept when no account lists it',
      fate(secret(), [], { metadata: OWNER.metadata ?? {} }),
      'keep',
    ],
    [
      'is kept when it is of an account of before',
      fate(secret(), [], { ...OWNER, metadata: { uid: 'x' } }),
      'keep',
    ],
    ['is kept when a Pod mounts it', fate(secret(), [MOUNTING]), 'keep'],
    ['is kept when it was blocked recently', fate(secret({ [INVALID]: '2030-06-05' })), 'keep'],
    [
      'is deleted when it was blocked long ago',
      fate(secret({ [INVALID]: '2030-06-04' })),
      'delete',
    ],
    [
      'is blocked anew when it cannot be read since when',
      fate(secret({ [INVALID]: 'x' })),
      'block',
    ],
  ];
  for (const [name, actual, expected] of tables) it(name, () => assert.equal(actual, expected));
});
