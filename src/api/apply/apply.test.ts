import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../meta/object.ts';
import {
  annotations,
  conflictOf,
  DEPLOYMENT,
  metadata,
  POD,
  Server,
  spec,
  status,
  statusOf,
} from './test-server.ts';

describe('server-side apply', () => {
  test('an applier owns what it names, elements of lists by their keys with defaults', () => {
    const server = new Server(POD).apply('a', {
      spec: {
        containers: [
          {
            name: 'c',
            ports: [{ containerPort: 80 }],
            args: ['x'],
            resources: { limits: { cpu: '1' } },
          },
        ],
        nodeSelector: { a: 'b' },
      },
    });
    assert.deepEqual(server.entries, [
      {
        manager: 'a',
        operation: 'Apply',
        apiVersion: 'v1',
        time: '2025-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:args': {},
                'f:name': {},
                'f:ports': {
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
                'f:resources': { 'f:limits': { 'f:cpu': {} } },
              },
            },
            'f:nodeSelector': {},
          },
        },
      },
    ]);
  });

  test('another value for an owned field is a conflict that names the owner', () => {
    const server = new Server(DEPLOYMENT).write('kubectl', spec({ replicas: 1 }));
    const error = conflictOf(() => server.apply('a', { spec: { replicas: 2 } }));
    assert.equal(
      error.message,
      'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
    );
    assert.deepEqual(error.causes, [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl" using apps/v1',
        field: '.spec.replicas',
      },
    ]);
    assert.equal(server.spec['replicas'], 1);
  });

  test('several conflicts are listed by manager; appliers are named without a version', () => {
    const server = new Server(POD)
      .apply('b', { spec: { nodeName: '1', hostname: 'h' } })
      .write('a', spec({ subdomain: 's' }))
      .write('kubelet', status({ phase: 'Running' }), 'status');
    const error = conflictOf(() =>
      server.apply('c', { spec: { nodeName: '2', hostname: 'i', subdomain: 't' } }),
    );
    assert.equal(
      error.message,
      'Apply failed with 3 conflicts: conflicts with "a" using v1:\n- .spec.subdomain\nconflicts with "b":\n- .spec.hostname\n- .spec.nodeName',
    );
    const other = conflictOf(() =>
      server.apply('c', { status: { phase: 'Failed' } }, { subresource: 'status' }),
    );
    assert.equal(
      other.message,
      'Apply failed with 1 conflict: conflict with "kubelet" with subresource "status" using v1: .status.phase',
    );
  });

  test('force takes the fields from their owners', () => {
    const server = new Server(POD)
      .write('a', spec({ nodeName: '1', hostname: 'h' }))
      .apply('b', { spec: { nodeName: '2' } }, { force: true });
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:hostname': {} } });
    assert.deepEqual(server.fields('b'), { 'f:spec': { 'f:nodeName': {} } });
    assert.equal(server.spec['nodeName'], '2');
  });

  test('the same value is owned together, and stays until the last owner lets go', () => {
    const server = new Server(POD)
      .apply('a', { spec: { nodeName: '1', hostname: 'h' } })
      .apply('b', { spec: { nodeName: '1' } });
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:hostname': {}, 'f:nodeName': {} } });
    assert.deepEqual(server.fields('b'), { 'f:spec': { 'f:nodeName': {} } });
    server.apply('a', { spec: { hostname: 'h' } });
    assert.deepEqual(server.spec, { nodeName: '1', hostname: 'h' });
    server.apply('b', { spec: {} });
    assert.deepEqual(server.spec, { hostname: 'h' });
    assert.deepEqual(server.fields('b'), { 'f:spec': {} });
  });

  test('what an applier drops goes away, but not what an updater has set since', () => {
    const server = new Server(POD)
      .apply('a', { metadata: { labels: { one: '1', two: '2' } } })
      .write('b', metadata({ labels: { one: '1', two: '3' } }))
      .apply('a', { metadata: { labels: {} } });
    assert.deepEqual(server.metadata['labels'], { two: '3' });
  });

  test('a dropped element of a list goes with the fields that nobody owns', () => {
    const server = new Server(POD).apply('a', {
      spec: {
        containers: [
          { name: 'c', image: '1' },
          { name: 'd', image: '1' },
        ],
      },
    });
    const list = server.spec['containers'] as JsonObject[];
    for (const container of list) container['imagePullPolicy'] = 'Always';
    server.apply('a', { spec: { containers: [{ name: 'd', image: '1' }] } });
    assert.deepEqual(server.spec['containers'], [
      { name: 'd', image: '1', imagePullPolicy: 'Always' },
    ]);
  });

  test('a dropped element stays as far as another manager owns it', () => {
    const server = new Server(POD)
      .apply('a', { spec: { containers: [{ name: 'c', image: '1', args: ['x'] }] } })
      .apply('b', { spec: { containers: [{ name: 'c', tty: true }] } })
      .apply('a', { spec: {} });
    assert.deepEqual(server.spec['containers'], [{ name: 'c', tty: true }]);
  });

  test('applying again changes nothing, not even a time', () => {
    const config = {
      metadata: { labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: '1' }] },
    };
    const server = new Server(POD).apply('a', config);
    const before = structuredClone(server.object);
    server.apply('a', config);
    assert.deepEqual(server.object, before);
  });

  test('lists merge by key, sets by value, atomic lists and maps whole', () => {
    const server = new Server(POD)
      .write('a', (object) => {
        metadata({ finalizers: ['x'] })(object);
        spec({ containers: [{ name: 'c' }], tolerations: [{ key: 'a' }] })(object);
      })
      .apply('b', {
        metadata: { finalizers: ['y'] },
        spec: { containers: [{ name: 'd' }, { name: 'c', image: '1' }] },
      });
    assert.deepEqual(server.metadata['finalizers'], ['x', 'y']);
    assert.deepEqual(server.spec['containers'], [{ name: 'd' }, { name: 'c', image: '1' }]);
    assert.deepEqual(server.fields('b'), {
      'f:metadata': { 'f:finalizers': { 'v:"y"': {} } },
      'f:spec': {
        'f:containers': {
          'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} },
          'k:{"name":"d"}': { '.': {}, 'f:name': {} },
        },
      },
    });
    const error = conflictOf(() => server.apply('b', { spec: { tolerations: [{ key: 'b' }] } }));
    assert.deepEqual(
      error.causes.map(({ field }) => field),
      ['.spec.tolerations'],
    );
  });

  test('elements take the order of the configuration; others keep their place before the next shared one', () => {
    const named = (...names: string[]): JsonObject => ({
      spec: { containers: names.map((name) => ({ name })) },
    });
    const order = (server: Server): string[] =>
      (server.spec['containers'] as { name: string }[]).map(({ name }) => name);
    const made = (): Server => new Server(POD).apply('a', named('a', 'b', 'c'));
    assert.deepEqual(order(made().apply('b', named('c', 'a'))), ['b', 'c', 'a']);
    assert.deepEqual(order(made().apply('b', named('b', 'd'))), ['a', 'b', 'c', 'd']);
    assert.deepEqual(order(made().apply('b', named('d', 'a'))), ['d', 'a', 'b', 'c']);
  });

  test('an object without managers belongs to before-first-apply', () => {
    const server = new Server(POD);
    server.object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', uid: 'u' },
      spec: { nodeName: '1', hostname: 'h' },
    };
    const error = conflictOf(() => server.apply('a', { spec: { nodeName: '2' } }));
    assert.match(error.message, /conflict with "before-first-apply" using v1: \.spec\.nodeName/);
    server.apply('a', { spec: { nodeName: '1' } });
    assert.deepEqual(server.fields('before-first-apply'), {
      'f:spec': { 'f:hostname': {}, 'f:nodeName': {} },
    });
    assert.deepEqual(
      server.entries.map(({ operation }) => operation),
      ['Apply', 'Update'],
    );
  });

  test('status is applied through its subresource, and through it alone', () => {
    const server = new Server(POD).apply('a', {
      spec: { nodeName: '1' },
      status: { phase: 'Running' },
    });
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:nodeName': {} } });
    server.apply(
      'a',
      { spec: { hostname: 'h' }, status: { phase: 'Running' } },
      { subresource: 'status' },
    );
    assert.deepEqual(server.entries[1]?.fieldsV1, { 'f:status': { 'f:phase': {} } });
    assert.equal(server.entries[1]?.subresource, 'status');
  });

  const REFUSED: readonly [claim: string, fields: JsonObject, code: number, message: string][] = [
    [
      'managers in a configuration',
      { metadata: { managedFields: [] } },
      400,
      'metadata.managedFields must be nil',
    ],
    ['another kind', { kind: 'Node' }, 400, 'invalid object type: /v1, Kind=Node'],
    [
      'a field that the schema does not have',
      { spec: { novelty: 1 } },
      500,
      'failed to create typed patch object (/x; /v1, Kind=Pod): .spec.novelty: field not declared in schema',
    ],
    [
      'a value of the wrong form',
      { spec: { priority: 'high' } },
      500,
      'failed to create typed patch object (/x; /v1, Kind=Pod): .spec.priority: expected numeric (int or float), got string',
    ],
    [
      'two elements with one key',
      { spec: { containers: [{ name: 'c' }, { name: 'c' }] } },
      500,
      'failed to create typed patch object (/x; /v1, Kind=Pod): .spec.containers: duplicate entries for key [name="c"]',
    ],
    [
      'several faults',
      { spec: { priority: 'high', nodeName: 1 } },
      500,
      'failed to create typed patch object (/x; /v1, Kind=Pod): errors:\n  .spec.priority: expected numeric (int or float), got string\n  .spec.nodeName: expected string, got &value.valueUnstructured{Value:1}',
    ],
  ];
  for (const [claim, fields, code, message] of REFUSED) {
    test(`${claim}: refused`, () => {
      assert.deepEqual(
        statusOf(() => new Server(POD).apply('a', fields)),
        { code, message },
      );
    });
  }

  test('kubectl takes over what it applied from its own side, and keeps the annotation', () => {
    const last = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      spec: { replicas: 1, paused: true },
    };
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const made = (): Server =>
      new Server(DEPLOYMENT).write('kubectl-client-side-apply', (object) => {
        metadata({ annotations: { [annotation]: JSON.stringify(last) } })(object);
        spec({ replicas: 1, paused: true, minReadySeconds: 5 })(object);
      });
    const server = made().apply('kubectl', { spec: { replicas: 2, paused: true } });
    assert.equal(server.spec['replicas'], 2);
    const kept = JSON.parse(annotations(server)[annotation] as string) as JsonObject;
    assert.deepEqual(kept['spec'], { replicas: 2, paused: true });
    const other = conflictOf(() =>
      made().apply('kubectl', { spec: { replicas: 2, minReadySeconds: 6 } }),
    );
    assert.deepEqual(
      other.causes.map(({ field }) => field),
      ['.spec.minReadySeconds'],
    );
    assert.equal(
      conflictOf(() => made().apply('other', { spec: { replicas: 2 } })).causes.length,
      1,
    );
    const changed = made().write('scaler', spec({ replicas: 3 }));
    assert.equal(
      conflictOf(() => changed.apply('kubectl', { spec: { replicas: 2 } })).causes.length,
      1,
    );
  });
});
