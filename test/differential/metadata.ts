/** Changes of `metadata` that every kind is asked with. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';

const NAMES = [
  '',
  'UPPER',
  'a_b',
  'a/b',
  '..',
  '.',
  '%',
  'a%b',
  'a.b',
  '-a',
  'a-',
  'a:b',
  '10.0.0.1',
  'ä',
  'a b',
  'a'.repeat(63),
  'a'.repeat(64),
  'a'.repeat(253),
  'a'.repeat(254),
  '1a',
  'system:a',
];
const LABEL_KEYS = [
  '',
  'Bad Key',
  'a/b/c',
  '/a',
  'a/',
  '-a',
  'a'.repeat(64),
  `${'a'.repeat(254)}/b`,
  'UPPER.example.com/a',
];
const LABEL_VALUES = ['', 'a b', '-a', 'a/b', 'a'.repeat(64), 'A_b.c-1'];
const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'owner-uid' };
const ENTRY = {
  manager: 'm',
  operation: 'Update',
  apiVersion: 'v1',
  time: '2024-01-01T00:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1: {},
};
const ANNOTATIONS_BYTES_MAX = 262_144;

export function metadataMutations(object: JsonObject): { label: string; object: JsonObject }[] {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const set = (label: string, members: JsonObject) => ({
    label,
    object: { ...object, metadata: { ...metadata, ...members } },
  });
  return [
    ...NAMES.map((name) => set(`name ${short(name)}`, { name })),
    ...NAMES.map((name) => set(`generateName ${short(name)}`, { name: '', generateName: name })),
    ...LABEL_KEYS.map((key) => set(`label ${short(key)}`, { labels: { [key]: 'v' } })),
    ...LABEL_VALUES.map((value) => set(`label value ${short(value)}`, { labels: { key: value } })),
    ...LABEL_KEYS.map((key) => set(`annotation ${short(key)}`, { annotations: { [key]: 'v' } })),
    set('annotations too large', { annotations: { key: 'a'.repeat(ANNOTATIONS_BYTES_MAX) } }),
    ...[...LABEL_KEYS, 'example.com/ok', 'kubernetes', 'orphan'].map((name) =>
      set(`finalizer ${short(name)}`, { finalizers: [name] }),
    ),
    set('finalizers that exclude each other', { finalizers: ['orphan', 'foregroundDeletion'] }),
    ...owners().map(([label, ownerReferences]) => set(`owner ${label}`, { ownerReferences })),
    ...entries().map(([label, managedFields]) => set(`managedFields ${label}`, { managedFields })),
    set('namespace of another', { namespace: 'other' }),
    set('namespace empty', { namespace: '' }),
    set('uid', { uid: 'own-uid' }),
    set('resourceVersion', { resourceVersion: '5' }),
    set('generation', { generation: 7 }),
    set('generation negative', { generation: -1 }),
    set('creationTimestamp', { creationTimestamp: '2020-01-01T00:00:00Z' }),
    set('deletionTimestamp', {
      deletionTimestamp: '2020-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 5,
    }),
    set('selfLink', { selfLink: '/a' }),
    { label: 'null', object: { ...object, metadata: null } },
    { label: 'of wrong type', object: { ...object, metadata: 'text' } },
  ];
}

function owners(): [label: string, owners: Json][] {
  const without = Object.keys(OWNER).map((key): [string, Json] => [
    `without ${key}`,
    [{ ...OWNER, [key]: '' }],
  ]);
  return [
    ...without,
    ['complete', [OWNER]],
    ['twice', [OWNER, OWNER]],
    [
      'two controllers',
      [
        { ...OWNER, controller: true },
        { ...OWNER, uid: 'other', controller: true },
      ],
    ],
    ['an event', [{ ...OWNER, kind: 'Event' }]],
    ['with a bad apiVersion', [{ ...OWNER, apiVersion: 'a/b/c' }]],
  ];
}

function entries(): [label: string, entries: Json][] {
  return [
    ['complete', [ENTRY]],
    ['with a bad operation', [{ ...ENTRY, operation: 'Bad' }]],
    ['with a bad fieldsType', [{ ...ENTRY, fieldsType: 'Bad' }]],
    ['with a long manager', [{ ...ENTRY, manager: 'a'.repeat(129) }]],
    ['with a bad manager', [{ ...ENTRY, manager: 'a\nb' }]],
    ['with a bad subresource', [{ ...ENTRY, subresource: 'a'.repeat(257) }]],
    ['with bad fields', [{ ...ENTRY, fieldsV1: { a: 1 } }]],
    ['empty', [{}]],
  ];
}

function short(text: string): string {
  return text.length > 30 ? `of ${text.length} characters` : JSON.stringify(text);
}
