/** What became of objects between two states of a world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { Writers } from '../fork/writers.ts';
import { type Listed, objectChanges } from './objects.ts';

type Facts = KubeObject & Readonly<Record<string, unknown>>;

const RESOURCES: Readonly<Record<string, string>> = {
  ConfigMap: 'configmaps',
  Secret: 'secrets',
  Deployment: 'deployments.apps',
  Widget: 'widgets.example.com',
  Hidden: 'secrets.example.com',
};

function world(...objects: readonly Facts[]): Map<string, Listed> {
  return new Map(
    objects.map((object) => {
      const { apiVersion, kind = '', metadata } = object;
      const key = `${apiVersion} ${kind} ${metadata?.namespace ?? ''}/${metadata?.name}`;
      return [key, { object, resource: RESOURCES[kind] ?? '' }];
    }),
  );
}

const METADATA = { namespace: 'shop', name: 'a', uid: '1' };
const MAP = { apiVersion: 'v1', kind: 'ConfigMap', metadata: METADATA, data: { colour: 'red' } };

interface Asked {
  readonly apiVersion: string;
  readonly kind: string;
  readonly notes?: readonly string[];
}

function told(before: readonly Facts[], after: readonly Facts[], asked?: Asked) {
  const { namespace, name } = METADATA;
  const changes = objectChanges({
    before: world(...before),
    after: world(...after),
    asked: asked === undefined ? [] : [{ notes: [], namespace, name, ...asked }],
    gates: new FeatureGates(),
    writers: new Writers(),
    unknown: new Set(['secrets.example.com']),
  });
  return changes.map(({ kind, action, asked: isAsked, fields, notes }) => ({
    kind,
    action,
    asked: isAsked,
    ...(fields === undefined ? {} : { fields }),
    ...(notes === undefined ? {} : { notes }),
  }));
}

describe('changes of objects', () => {
  it('are creations, deletions and changed fields', () => {
    const asked = false;
    assert.deepEqual(told([], [MAP]), [{ kind: 'ConfigMap', action: 'created', asked }]);
    assert.deepEqual(told([MAP], []), [{ kind: 'ConfigMap', action: 'deleted', asked }]);
    const blue = { ...MAP, data: { colour: 'blue' } };
    const fields = [{ path: 'data.colour', old: 'red', new: 'blue' }];
    assert.deepEqual(told([MAP], [blue]), [
      { kind: 'ConfigMap', action: 'changed', asked, fields },
    ]);
    assert.deepEqual(told([MAP], [MAP]), []);
  });

  it('are not how far they have come, nor the copy that an older apply keeps', () => {
    const note = 'kubectl.kubernetes.io/last-applied-configuration';
    const annotations = { [note]: '{}' };
    const later = { ...MAP, metadata: { ...METADATA, annotations }, status: { phase: 'x' } };
    assert.deepEqual(told([MAP], [later]), []);
  });

  it('keep the values of Secrets', () => {
    const secret = { ...MAP, kind: 'Secret' };
    const [change] = told([secret], [{ ...secret, data: { colour: 'blue' } }]);
    assert.deepEqual(change?.fields, [{ path: 'data.colour' }]);
  });

  it('say what was made anew, and what holds what goes', () => {
    const anew = { ...MAP, metadata: { ...METADATA, uid: '2' } };
    assert.deepEqual(told([MAP], [anew])[0]?.notes, ['deleted, and made anew']);
    const finalizers = ['example.com/hold'];
    const held = { ...MAP, metadata: { ...METADATA, finalizers } };
    const going = { ...held, metadata: { ...held.metadata, deletionTimestamp: 'now' } };
    const [change] = told([held], [going]);
    assert.equal(change?.action, 'deleted');
    assert.deepEqual(change?.notes, ['stays for its finalizers: example.com/hold']);
  });

  it('name first what was asked for, changed or not, with its notes', () => {
    const other = { ...MAP, metadata: { ...METADATA, name: 'b' } };
    const asked = { apiVersion: 'v1', kind: 'ConfigMap', notes: ['a note'] };
    assert.deepEqual(told([], [other, MAP], asked), [
      { kind: 'ConfigMap', action: 'created', asked: true, notes: ['a note'] },
      { kind: 'ConfigMap', action: 'created', asked: false },
    ]);
    assert.deepEqual(told([MAP], [MAP], asked), [
      { kind: 'ConfigMap', action: 'unchanged', asked: true, notes: ['a note'] },
    ]);
  });

  it('find what was asked for in another version', () => {
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: METADATA };
    const asked = { apiVersion: 'example.com/v1beta1', kind: 'Widget' };
    assert.deepEqual(told([], [widget], asked), [
      { kind: 'Widget', action: 'created', asked: true },
    ]);
  });

  it('are not those of kinds of which it is not known what was there, unless asked for', () => {
    const hidden = { apiVersion: 'example.com/v1', kind: 'Hidden', metadata: METADATA };
    assert.deepEqual(told([], [hidden]), []);
    assert.equal(told([], [hidden], hidden)[0]?.action, 'created');
  });

  it('name items of lists by their keys', () => {
    const deployment = (image: string) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: METADATA,
      spec: { template: { spec: { containers: [{ name: 'main', image }] } } },
    });
    const [change] = told([deployment('a')], [deployment('b')]);
    assert.deepEqual(
      change?.fields?.map(({ path }) => path),
      ['spec.template.spec.containers[name=main].image'],
    );
  });
});
