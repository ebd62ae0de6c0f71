import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NAMESPACE } from '../core/namespace.ts';
import { POD } from '../core/pod.ts';
import { anyKind } from '../kind.ts';
import { fieldPath } from '../meta/field.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { ROLE } from '../rbac/role.ts';
import { DEVICE_CLASS } from '../resource/device-class.ts';
import { validateFieldManager, validateObjectMeta, validateObjectMetaUpdate } from './metadata.ts';
import { short } from './test-kit.ts';

const created = (metadata: ObjectMeta, kind = anyKind(POD)): string[] =>
  validateObjectMeta(kind, { metadata: { namespace: 'd', ...metadata } }).map((error) =>
    short(error.text()),
  );
const updated = (next: ObjectMeta, old: ObjectMeta): string[] =>
  validateObjectMetaUpdate(anyKind(POD), { metadata: next }, { metadata: old }).map((error) =>
    short(error.text()),
  );

describe('the metadata of a new object', () => {
  const SUBDOMAIN =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  const NAME_PART =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'u' };
  const TABLE: readonly (readonly [string, ObjectMeta, readonly string[]])[] = [
    ['a name', { name: 'web' }, []],
    ['a name made from a prefix', { name: 'web-x', generateName: 'web-' }, []],
    ['no name', {}, ['metadata.name: Required value: name or generateName is required']],
    ['a bad name', { name: 'A' }, [`metadata.name: Invalid value: "A": ${SUBDOMAIN}`]],
    [
      'a long name',
      { name: 'a'.repeat(254) },
      [`metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`],
    ],
    [
      'a bad label',
      { name: 'a', labels: { 'x y': 'z' } },
      [`metadata.labels: Invalid value: "x y": ${NAME_PART}`],
    ],
    [
      'a long label',
      { name: 'a', labels: { x: 'z'.repeat(64) } },
      [`metadata.labels: Invalid value: "${'z'.repeat(64)}": must be no more than 63 bytes`],
    ],
    [
      'a long prefix of a label',
      { name: 'a', labels: { [`${'p'.repeat(254)}/x`]: '' } },
      [
        `metadata.labels: Invalid value: "${'p'.repeat(254)}/x": prefix part must be no more than 253 bytes`,
      ],
    ],
    ['an annotation in capitals', { name: 'a', annotations: { 'X.IO/Y': '' } }, []],
    [
      'big annotations',
      { name: 'a', annotations: { x: 'y'.repeat(262_144) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    [
      'a bad finalizer',
      { name: 'a', finalizers: ['x y'] },
      [
        `metadata.finalizers: Invalid value: "x y": ${NAME_PART}`,
        'metadata.finalizers[0]: Invalid value: "x y": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    ['an owner', { name: 'a', ownerReferences: [owner] }, []],
    [
      'an owner without a uid',
      { name: 'a', ownerReferences: [{ ...owner, uid: '' }] },
      ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
    ],
  ];
  for (const [name, metadata, errors] of TABLE) {
    it(`has ${name}`, () => assert.deepEqual(created(metadata), errors));
  }

  it('has one controller', () => {
    const ownerReferences = [
      { ...owner, controller: true },
      { ...owner, name: 'b', controller: true },
    ];
    assert.match(
      created({ name: 'a', ownerReferences })[0] ?? '',
      /Only one reference can have Controller set to true\. Found "true" in references for Pod\/a and Pod\/b$/,
    );
  });

  it('has the name that the kind asks for', () => {
    assert.deepEqual(created({ name: 'a.b', namespace: '' }, anyKind(NAMESPACE)), [
      'metadata.name: Invalid value: "a.b": must not contain dots',
    ]);
    assert.deepEqual(created({ name: 'system:a' }, anyKind(ROLE)), []);
    assert.deepEqual(created({ name: 'a/b' }, anyKind(ROLE)), [
      'metadata.name: Invalid value: "a/b": may not contain \'/\'',
    ]);
  });

  it('has a namespace when its kind has', () => {
    assert.deepEqual(created({ name: 'a', namespace: '' }), ['metadata.namespace: Required value']);
    assert.deepEqual(created({ name: 'a' }, anyKind(NAMESPACE)), [
      'metadata.namespace: Forbidden: not allowed on this type',
    ]);
  });
});

describe('the metadata of an updated object', () => {
  it('keeps what names it', () => {
    const old = { name: 'a', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
    assert.deepEqual(updated({ ...old, labels: { a: 'b' } }, old), []);
    assert.deepEqual(updated({ ...old, uid: 'v' }, old), [
      'metadata.uid: Invalid value: "v": field is immutable',
    ]);
  });
  it('gets no finalizers while it is being deleted', () => {
    const old = { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x.io/a'] };
    assert.deepEqual(updated({ ...old, finalizers: [] }, old), []);
    assert.deepEqual(updated({ ...old, finalizers: ['x.io/a', 'x.io/b'] }, old), [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.io/b"}',
    ]);
  });
  it('does not go back in generations', () => {
    assert.deepEqual(updated({ generation: 1 }, { generation: 2 }), [
      'metadata.generation: Invalid value: 1: must not be decremented',
    ]);
  });
});

describe('the name of a field manager', () => {
  const at = fieldPath('fieldManager');
  it('is short and printable', () => {
    assert.deepEqual(validateFieldManager('kubectl', at), []);
    assert.equal(
      validateFieldManager('x'.repeat(129), at)[0]?.text(),
      'fieldManager: Too long: may not be more than 128 bytes',
    );
    assert.equal(
      validateFieldManager('a\n', at)[0]?.text(),
      'fieldManager: Invalid value: "a\\n": invalid character U+000A (at position 1)',
    );
  });
});

it('a name that is too long is told in bytes where upstream declares its rules', () => {
  assert.deepEqual(DEVICE_CLASS.validateName?.('a'.repeat(254), false), [
    'must be no more than 253 bytes',
  ]);
});
