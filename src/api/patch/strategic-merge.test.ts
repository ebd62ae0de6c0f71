import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../meta/object.ts';
import { typeByName } from '../schema/schema.ts';
import { strategicMerge, StrategicMergeError } from './strategic-merge.ts';

const POD = typeByName('io.k8s.api.core.v1.Pod');
const DEPLOYMENT = typeByName('io.k8s.api.apps.v1.Deployment');
const SERVICE = typeByName('io.k8s.api.core.v1.Service');

interface Case {
  readonly claim: string;
  readonly type?: typeof POD;
  readonly original: JsonObject;
  readonly patch: JsonObject;
  readonly want: JsonObject;
}

const containers = (...list: Json[]): JsonObject => ({ spec: { containers: list } });
const finalizers = (...list: Json[]): JsonObject => ({ metadata: { finalizers: list } });

const CASES: readonly Case[] = [
  {
    claim: 'merges an element of a list by its key, and new elements go behind',
    original: containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
    patch: containers({ name: 'b', image: '2' }, { name: 'c', image: '3' }),
    want: containers(
      { name: 'a', image: '1' },
      { name: 'b', image: '2' },
      { name: 'c', image: '3' },
    ),
  },
  {
    claim: 'patched elements take the order of the patch, the others keep theirs',
    original: containers({ name: 'a' }, { name: 'b' }, { name: 'c' }),
    patch: containers({ name: 'c', image: '1' }, { name: 'a', image: '1' }),
    want: containers({ name: 'b' }, { name: 'c', image: '1' }, { name: 'a', image: '1' }),
  },
  {
    claim: 'null deletes a member, of objects in lists too',
    original: containers({ name: 'a', image: '1', command: ['x'] }),
    patch: containers({ name: 'a', command: null }),
    want: containers({ name: 'a', image: '1' }),
  },
  {
    claim: 'null for what is not there is nothing',
    original: {},
    patch: { metadata: { labels: { a: null } } },
    want: { metadata: { labels: {} } },
  },
  {
    claim: 'elements that are all new go before the others',
    original: containers({ name: 'a' }),
    patch: containers({ name: 'b' }),
    want: containers({ name: 'b' }, { name: 'a' }),
  },
  {
    claim: 'an atomic list is replaced',
    original: containers({ name: 'a', args: ['x', 'y'] }),
    patch: containers({ name: 'a', args: ['z'] }),
    want: containers({ name: 'a', args: ['z'] }),
  },
  {
    claim: 'a list of scalars with the merge strategy is united',
    original: finalizers('a', 'b'),
    patch: finalizers('b', 'c'),
    want: finalizers('a', 'b', 'c'),
  },
  {
    claim: '$deleteFromPrimitiveList takes scalars out',
    original: finalizers('a', 'b', 'c'),
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['b', 'z'] } },
    want: finalizers('a', 'c'),
  },
  {
    claim: '$patch: delete takes an element out of a list',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: containers({ name: 'a', $patch: 'delete' }),
    want: containers({ name: 'b' }),
  },
  {
    claim: '$patch: replace in a list replaces the list',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: containers({ $patch: 'replace' }, { name: 'c' }),
    want: containers({ name: 'c' }),
  },
  {
    claim: '$patch: replace in a map replaces the map',
    original: { metadata: { labels: { a: '1' }, name: 'x' } },
    patch: { metadata: { labels: { $patch: 'replace', b: '2' } } },
    want: { metadata: { labels: { b: '2' }, name: 'x' } },
  },
  {
    claim: '$patch: delete in a map empties it',
    original: { metadata: { labels: { a: '1' }, name: 'x' } },
    patch: { metadata: { labels: { $patch: 'delete' } } },
    want: { metadata: { labels: {}, name: 'x' } },
  },
  {
    claim: '$setElementOrder puts a list in order, unnamed elements keep their places',
    original: containers({ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'd' }, { name: 'b' }, { name: 'e' }],
        containers: [{ name: 'd', image: '1' }, { name: 'e' }],
      },
    },
    want: containers(
      { name: 'a' },
      { name: 'c' },
      { name: 'd', image: '1' },
      { name: 'b' },
      { name: 'e' },
    ),
  },
  {
    claim: '$setElementOrder alone only orders',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    want: containers({ name: 'b' }, { name: 'a' }),
  },
  {
    claim: '$setElementOrder orders scalars too',
    original: finalizers('a', 'b', 'c'),
    patch: { metadata: { '$setElementOrder/finalizers': ['c', 'a', 'd'], finalizers: ['d'] } },
    want: finalizers('b', 'c', 'a', 'd'),
  },
  {
    claim: '$setElementOrder with a deletion, as kubectl sends it',
    original: containers({ name: 'a' }, { name: 'b' }),
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }],
        containers: [
          { name: 'b', image: '2' },
          { name: 'a', $patch: 'delete' },
        ],
      },
    },
    want: containers({ name: 'b', image: '2' }),
  },
  {
    claim: '$retainKeys drops the members that it does not name',
    type: DEPLOYMENT,
    original: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    want: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    claim: 'ports of equal number are told apart by nothing: the first is merged',
    type: SERVICE,
    original: {
      spec: {
        ports: [
          { port: 53, protocol: 'UDP', name: 'u' },
          { port: 53, protocol: 'TCP', name: 't' },
        ],
      },
    },
    patch: { spec: { ports: [{ port: 53, name: 'x' }] } },
    want: {
      spec: {
        ports: [
          { port: 53, protocol: 'UDP', name: 'x' },
          { port: 53, protocol: 'TCP', name: 't' },
        ],
      },
    },
  },
  {
    claim: 'unknown members are taken as they are',
    original: { spec: {} },
    patch: { spec: { novelty: { a: [1, { b: 2 }] } } },
    want: { spec: { novelty: { a: [1, { b: 2 }] } } },
  },
  {
    claim: 'directives do not stay in what is new',
    original: {},
    patch: {
      metadata: { labels: { a: '1' } },
      spec: { containers: [{ name: 'a', $patch: 'delete' }, { name: 'b' }] },
    },
    want: { metadata: { labels: { a: '1' } }, spec: { containers: [{ name: 'b' }] } },
  },
  {
    claim: 'a scalar replaces an object, and an object a scalar',
    original: { spec: { nodeName: 'a', securityContext: { runAsUser: 1 } } },
    patch: { spec: { nodeName: { a: 1 }, securityContext: 'x' } },
    want: { spec: { nodeName: { a: 1 }, securityContext: 'x' } },
  },
];

describe('strategic merge patch', () => {
  for (const { claim, type = POD, original, patch, want } of CASES) {
    test(claim, () => {
      const before = structuredClone({ original, patch });
      assert.deepEqual(strategicMerge(type, original, patch), want);
      assert.deepEqual({ original, patch }, before, 'nothing is changed in place');
    });
  }

  const FAILURES: readonly [
    claim: string,
    code: number,
    message: string,
    original: JsonObject,
    patch: JsonObject,
  ][] = [
    [
      'an element without its merge key',
      500,
      'map: map[image:x] does not contain declared merge key: name',
      containers({ name: 'a' }),
      containers({ image: 'x' }),
    ],
    [
      'an unknown directive',
      500,
      'unknown patch type: frob in map: map[$patch:frob]',
      { spec: {} },
      { spec: { $patch: 'frob' } },
    ],
    [
      'merging a list by directive',
      500,
      'merging lists cannot yet be specified in the patch',
      containers({ name: 'a' }),
      containers({ name: 'a', $patch: 'merge' }),
    ],
    [
      'elements of different kinds',
      500,
      'list element types are not identical: [[map[name:a]] [x]]',
      containers({ name: 'a' }),
      containers('x'),
    ],
    [
      'lists of lists',
      422,
      'lists of lists are not supported',
      containers({ name: 'a' }),
      containers(['x']),
    ],
    [
      'a $retainKeys that leaves out what is patched',
      400,
      'invalid patch format of retainKeys',
      { spec: { nodeName: 'a' } },
      { spec: { $retainKeys: ['hostname'], nodeName: 'b' } },
    ],
    [
      'a directive without the name of its list',
      400,
      'invalid patch format of primitive list',
      { metadata: {} },
      { metadata: { $deleteFromPrimitiveList: ['a'] } },
    ],
    [
      'an order that the list does not follow',
      500,
      "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
      containers({ name: 'a' }),
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
          containers: [{ name: 'b' }, { name: 'a' }],
        },
      },
    ],
    [
      'merging an object where the schema has no object',
      500,
      'unable to find api field in struct PodSpec for the json field "novelty"',
      { spec: { novelty: { a: 1 } } },
      { spec: { novelty: { b: 1 } } },
    ],
  ];
  for (const [claim, code, message, original, patch] of FAILURES) {
    test(`${claim} is refused in upstream's words`, () => {
      assert.throws(
        () => strategicMerge(POD, original, patch),
        (error) => {
          assert.ok(error instanceof StrategicMergeError);
          assert.equal(error.message, message);
          assert.equal(error.code, code);
          return true;
        },
      );
    });
  }

  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'));
  test('a patch applied twice is the patch applied once, and nothing named is lost', () => {
    fc.assert(
      fc.property(names, names, (live, wanted) => {
        const original = containers(...live.map((name) => ({ name, image: 'old' })));
        const patch = containers(...wanted.map((name) => ({ name, image: 'new' })));
        const once = strategicMerge(POD, original, patch);
        assert.deepEqual(strategicMerge(POD, once, patch), once);
        const list = (once['spec'] as { containers: { name: string; image: string }[] }).containers;
        assert.deepEqual(
          list.filter(({ image }) => image === 'new').map(({ name }) => name),
          wanted,
        );
        assert.deepEqual(new Set(list.map(({ name }) => name)), new Set([...live, ...wanted]));
      }),
    );
  });
});
