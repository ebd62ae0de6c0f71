import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CERTIFICATE_SIGNING_REQUEST } from '../certificates/certificate-signing-request.ts';
import { anyKind } from '../kind.ts';
import type { JsonObject } from '../meta/object.ts';
import { annotations, DEPLOYMENT, metadata, POD, Server, spec, status } from './test-server.ts';

describe('managers of writes that are no applies', () => {
  test('a creator owns what it set, but no identity, no metadata of the server, no struct that is always there', () => {
    const server = new Server(DEPLOYMENT).write('kubectl-create', (object) => {
      metadata({
        namespace: 'd',
        labels: { app: 'x' },
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: 't',
      })(object);
      spec({
        replicas: 1,
        selector: { matchLabels: { app: 'x' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
        template: {
          metadata: { labels: { app: 'x' } },
          spec: { containers: [{ name: 'c', resources: {} }] },
        },
      })(object);
    });
    assert.deepEqual(server.entries, [
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: '2025-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
            'f:template': {
              'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
              'f:spec': {
                'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:name': {}, 'f:resources': {} } },
              },
            },
          },
        },
      },
    ]);
  });

  test('a changed field goes to who changed it, a removed one to nobody', () => {
    const server = new Server(POD)
      .write('a', spec({ nodeName: '1', hostname: 'h', priority: 1 }))
      .write('b', (object) => {
        object['spec'] = { nodeName: '2', priority: 1, subdomain: 's' };
      });
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:priority': {} } });
    assert.deepEqual(server.fields('b'), { 'f:spec': { 'f:nodeName': {}, 'f:subdomain': {} } });
  });

  test('a write that changes nothing changes no manager and no time', () => {
    const server = new Server(POD).write('a', spec({ nodeName: '1' }));
    const before = structuredClone(server.entries);
    server.write('a', () => {}).write('b', () => {});
    assert.deepEqual(server.entries, before);
  });

  test('a further write of the same manager adds to its entry and renews the time', () => {
    const server = new Server(POD)
      .write('a', spec({ nodeName: '1' }))
      .write('a', spec({ hostname: 'h' }));
    assert.equal(server.entries.length, 1);
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:hostname': {}, 'f:nodeName': {} } });
    assert.equal(server.entry('a')?.time, '2025-01-01T00:00:01Z');
  });

  test('a manager that has no field left is listed no more', () => {
    const server = new Server(POD)
      .write('a', spec({ nodeName: '1' }))
      .write('b', spec({ nodeName: '2' }));
    assert.deepEqual(
      server.entries.map(({ manager }) => manager),
      ['b'],
    );
  });

  test('a write of status owns status alone, in an entry of its own; a write of the object owns none of it', () => {
    const server = new Server(POD).write('a', (object) => {
      spec({ nodeName: '1' })(object);
      status({ phase: 'Pending' })(object);
    });
    assert.deepEqual(server.fields('a'), { 'f:spec': { 'f:nodeName': {} } });
    server.write(
      'a',
      (object) => {
        status({ phase: 'Running' })(object);
        spec({ hostname: 'x' })(object);
        metadata({ ownerReferences: [{ uid: 'o' }], annotations: { k: 'v' } })(object);
      },
      'status',
    );
    assert.deepEqual(
      server.entries.map(({ subresource }) => subresource),
      [undefined, 'status'],
    );
    assert.deepEqual(server.entries[1]?.fieldsV1, {
      'f:metadata': { 'f:annotations': { '.': {}, 'f:k': {} } },
      'f:status': { 'f:phase': {} },
    });
  });

  test('resize and ephemeralcontainers own all that was sent to them, as upstream has it', () => {
    const server = new Server(POD)
      .write(
        'a',
        spec({ containers: [{ name: 'c', image: '1', resources: { limits: { cpu: '1' } } }] }),
      )
      .write(
        'b',
        spec({ containers: [{ name: 'c', image: '2', resources: { limits: { cpu: '2' } } }] }),
        'resize',
      )
      .write(
        'c',
        spec({ nodeName: 'n', ephemeralContainers: [{ name: 'e' }] }),
        'ephemeralcontainers',
      );
    assert.deepEqual(server.fields('b'), {
      'f:spec': {
        'f:containers': {
          'k:{"name":"c"}': { 'f:image': {}, 'f:resources': { 'f:limits': { 'f:cpu': {} } } },
        },
      },
    });
    assert.deepEqual(server.fields('c'), {
      'f:spec': {
        'f:nodeName': {},
        'f:ephemeralContainers': { '.': {}, 'k:{"name":"e"}': { '.': {}, 'f:name': {} } },
      },
    });
  });

  test('a client may send managers of its own, take them away, but not spoil them', () => {
    const own = {
      manager: 'm',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:z': {}, 'f:nodeName': {} } },
    };
    const made = (): Server => new Server(POD).write('a', spec({ nodeName: '1' }));
    const given = (managedFields: unknown) => metadata({ managedFields } as JsonObject);
    const sorted = { ...own, fieldsV1: { 'f:spec': { 'f:nodeName': {}, 'f:z': {} } } };
    assert.equal(JSON.stringify(made().write('b', given([own])).entries), JSON.stringify([sorted]));
    assert.deepEqual(made().write('b', given([])).entries, []);
    assert.deepEqual(made().write('b', given([{}])).entries, []);
    const before = made().entries;
    for (const broken of [
      [{ ...own, operation: 'Frob' }],
      [{ ...own, apiVersion: '' }],
      [{ ...own, fieldsType: 'V2' }],
      [{ ...own, fieldsV1: { nonsense: {} } }],
      undefined,
      'x',
    ]) {
      assert.deepEqual(made().write('b', given(broken)).entries, before);
    }
    assert.deepEqual(
      made().write('b', given([]), 'status').entries,
      before,
      'a subresource cannot reset them',
    );
  });

  test('who asks for a certificate owns nothing of what was asked', () => {
    const server = new Server(anyKind(CERTIFICATE_SIGNING_REQUEST)).write('a', (object) => {
      spec({ request: 'eA==' })(object);
      metadata({ labels: { a: 'b' } })(object);
    });
    assert.deepEqual(server.fields('a'), { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } });
  });

  test('an object without managers gets none by an update', () => {
    const server = new Server(POD);
    server.object = { metadata: { name: 'x', uid: 'u' }, spec: { nodeName: '1' } };
    assert.deepEqual(server.write('a', spec({ nodeName: '2' })).entries, []);
  });

  test('more than ten updaters share the entries of the oldest', () => {
    const server = new Server(POD);
    for (let n = 0; n < 14; n++)
      server.write(`m${n}`, metadata({ annotations: { ...annotations(server), [`k${n}`]: '' } }));
    const names = server.entries.map(({ manager }) => manager);
    assert.deepEqual(names, [
      'ancient-changes',
      'm5',
      'm6',
      'm7',
      'm8',
      'm9',
      'm10',
      'm11',
      'm12',
      'm13',
    ]);
    const old = server.fields('ancient-changes') as {
      'f:metadata': { 'f:annotations': JsonObject };
    };
    assert.deepEqual(Object.keys(old['f:metadata']['f:annotations']), [
      '.',
      'f:k0',
      'f:k1',
      'f:k2',
      'f:k3',
      'f:k4',
    ]);
    assert.equal(server.entry('ancient-changes')?.time, '2025-01-01T00:00:04Z');
  });
});
