/**
 * A ResourceQuota under a hundred writers at once: exactly as many get in as it says, round after
 * round, with deletes between and among them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import { TestCluster } from '#kit/cluster.ts';

const WRITERS = 100;
const HARD = 17;
const GROUP = 'example.com';
/** The controller has seen what was deleted. */
const SEEN_MS = 2_000;

const DRINK: ResourceType<KubeObject> = {
  group: GROUP,
  version: 'v1',
  kind: 'Drink',
  plural: 'drinks',
  namespaced: true,
} as ResourceType<KubeObject>;

interface Kind {
  readonly namespace: string;
  readonly type: ResourceType<KubeObject>;
  /** As quotas count it, and as messages name it. */
  readonly counted: string;
  readonly shown: string;
  readonly spec?: object;
}

const KINDS: readonly Kind[] = [
  {
    namespace: 'a',
    type: POD as ResourceType<KubeObject>,
    counted: 'pods',
    shown: 'pods',
    spec: { spec: { containers: [{ name: 'main', image: 'web' }] } },
  },
  {
    namespace: 'b',
    type: CONFIG_MAP as ResourceType<KubeObject>,
    counted: 'count/configmaps',
    shown: 'configmaps',
  },
  {
    namespace: 'c',
    type: DRINK,
    counted: `count/drinks.${GROUP}`,
    shown: `drinks.${GROUP}`,
  },
];

interface Round {
  readonly made: number;
  readonly refused: readonly Error[];
}

let cluster: TestCluster;
let round = 0;

before(async () => {
  cluster = await TestCluster.start({ nodes: 0, scheduler: false });
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, {
    metadata: { name: `drinks.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'drinks', kind: 'Drink', singular: 'drink', listKind: 'DrinkList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
    },
  });
  await cluster.advance(60_000);
  for (const { namespace } of KINDS)
    await cluster.create(NAMESPACE, { metadata: { name: namespace } });
  await cluster.advance(SEEN_MS);
});

after(() => cluster.stop());

async function namesOf({ type, namespace }: Kind): Promise<string[]> {
  return (await cluster.list(type, namespace)).map(({ metadata }) => metadata?.name ?? '');
}

async function used({ namespace, counted }: Kind): Promise<string | undefined> {
  const { status } = await cluster.get(RESOURCE_QUOTA, 'quota', namespace);
  return status?.used?.[counted];
}

/** A hundred at once, every third without a name of its own, and these deletes among them. */
async function write(kind: Kind, deletes: readonly string[] = []): Promise<Round> {
  const { type, namespace, spec } = kind;
  const nth = ++round;
  const create = (i: number): Promise<KubeObject> => {
    const name = i % 3 === 0 ? { generateName: `w${nth}-` } : { name: `w${nth}-${i}` };
    return cluster.client.create(type, { metadata: { namespace, ...name }, ...spec });
  };
  const creates = Array.from({ length: WRITERS }, (_, i) => create(i));
  const gone = deletes.map((name) =>
    cluster.client.delete(type, { name, namespace }, { gracePeriodSeconds: 0 }),
  );
  const [ends] = await cluster.run(Promise.all([Promise.allSettled(creates), Promise.all(gone)]));
  const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
  return { made: WRITERS - refused.length, refused };
}

function checkRefusals({ refused }: Round, { counted, shown }: Kind): void {
  const words = new RegExp(
    `^${shown} "w\\d+-\\w+" is forbidden: exceeded quota: quota, requested: ${counted}=1, used: ${counted}=(\\d+), limited: ${counted}=${HARD}$`,
  );
  for (const error of refused) {
    assert.equal((error as { code?: number }).code, 403);
    assert.equal(words.exec(error.message)?.[1], String(HARD), error.message);
  }
}

for (const kind of KINDS)
  describe(`a quota of ${kind.counted}, under ${WRITERS} writers at once`, () => {
    let before = 0;

    it('lets in exactly as many as it says, and tells the rest why', async () => {
      const { namespace, counted } = kind;
      before = (await namesOf(kind)).length;
      const quota = {
        metadata: { name: 'quota', namespace },
        spec: { hard: { [counted]: String(HARD) } },
      };
      await cluster.create(RESOURCE_QUOTA, quota);
      await cluster.advance(60_000);
      const first = await write(kind);
      assert.equal(first.made, HARD - before);
      checkRefusals(first, kind);
      assert.equal((await namesOf(kind)).length, HARD);
      assert.equal(await used(kind), String(HARD));
    });

    it('gives back what was deleted, and no more, round after round', async () => {
      for (const count of [1, HARD - 3]) {
        const own = (await namesOf(kind)).filter((name) => name.startsWith('w')).slice(0, count);
        for (const name of own)
          await cluster.delete(kind.type, { metadata: { name, namespace: kind.namespace } });
        await cluster.advance(SEEN_MS);
        assert.equal(await used(kind), String(HARD - own.length));
        const next = await write(kind);
        assert.equal(next.made, own.length);
        checkRefusals(next, kind);
        assert.equal((await namesOf(kind)).length, HARD);
      }
    });

    it('is never passed while others delete', async () => {
      const own = (await namesOf(kind)).filter((name) => name.startsWith('w')).slice(0, 8);
      await write(kind, own);
      assert.ok((await namesOf(kind)).length <= HARD);
      await cluster.advance(SEEN_MS);
      assert.equal(await used(kind), String((await namesOf(kind)).length));
      await write(kind);
      assert.equal((await namesOf(kind)).length, HARD);
      assert.equal(await used(kind), String(HARD));
    });
  });
