import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { typeByName } from '../schema/schema.ts';
import { makeTypeSchema } from '../schema/types.ts';
import { toGoJson } from './canonical.ts';

function write(name: string, object: object): string {
  return toGoJson(typeByName(`io.k8s.api.${name}`), object);
}

describe('toGoJson', () => {
  it('writes structs even when empty, and nothing that omitempty leaves out', () => {
    assert.equal(
      write('core.v1.Pod', {}),
      '{"metadata":{},"spec":{"containers":null},"status":{}}',
    );
  });

  it('leaves out a zero creationTimestamp, and writes null for other times', () => {
    const condition = { type: 'Ready', status: 'True' };
    assert.equal(
      write('core.v1.PodCondition', condition),
      '{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null}',
    );
  });

  it('writes null for a pointer without omitempty, and for a list that nobody made', () => {
    assert.match(write('apps.v1.DeploymentSpec', {}), /^\{"selector":null,"template":/);
    assert.equal(write('rbac.v1.ClusterRole', {}), '{"metadata":{},"rules":null}');
    assert.equal(write('rbac.v1.ClusterRole', { rules: [] }), '{"metadata":{},"rules":[]}');
  });

  it('drops empty values of omitempty, and keeps those of pointers', () => {
    const spec = {
      containers: [],
      nodeSelector: {},
      volumes: [],
      hostname: '',
      hostNetwork: false,
    };
    assert.equal(write('core.v1.PodSpec', spec), '{"containers":[]}');
    assert.equal(
      write('core.v1.PodSpec', { containers: [], priority: 0, enableServiceLinks: false }),
      '{"containers":[],"priority":0,"enableServiceLinks":false}',
    );
  });

  it('writes the zero of what Go holds as a struct', () => {
    assert.equal(
      write('core.v1.ResourceFieldSelector', { resource: 'a' }),
      '{"resource":"a","divisor":"0"}',
    );
    assert.equal(write('core.v1.ServicePort', { port: 80 }), '{"port":80,"targetPort":0}');
    assert.equal(
      write('apps.v1.ControllerRevision', {}),
      '{"metadata":{},"data":null,"revision":0}',
    );
  });

  it('sorts fields as Go does and maps by key, whatever the order of the object', () => {
    assert.equal(
      write('core.v1.ConfigMap', {
        data: { b: '2', a: '1' },
        kind: 'ConfigMap',
        metadata: {},
        apiVersion: 'v1',
      }),
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"a":"1","b":"2"}}',
    );
  });

  it('escapes what HTML would read, and control characters as Go', () => {
    assert.equal(
      write('core.v1.ConfigMap', { data: { a: '<b> & "c"\u2028\n\u0001\u{1f600}' } }),
      '{"metadata":{},"data":{"a":"\\u003cb\\u003e \\u0026 \\"c\\"\\u2028\\n\\u0001\u{1f600}"}}',
    );
  });

  it('writes what the schema does not know where the schema keeps it', () => {
    const field = { number: 0, pointer: false, omitempty: true, omitzero: false, required: false };
    const type = makeTypeSchema({
      name: 'dev.example.v1.Widget',
      goName: 'Widget',
      goType: 'v1.Widget',
      preserveUnknownFields: true,
      members: [{ ...field, json: 'size', type: { kind: 'scalar', scalar: 'int64' } }],
    });
    assert.equal(
      toGoJson(type, { z: [1], size: 3, a: { b: 1 } }),
      '{"size":3,"a":{"b":1},"z":[1]}',
    );
    assert.equal(toGoJson(type, {}), '{}');
  });

  for (const [character, escaped] of [
    ['<', '\\u003c'],
    ['>', '\\u003e'],
    ['&', '\\u0026'],
    ['\u2028', '\\u2028'],
  ] as const)
    it(`escapes ${escaped}, which means something in HTML, wherever it stands`, () => {
      const text = `a${character}`;
      const pod = write('core.v1.Pod', {
        metadata: {
          name: text,
          annotations: { [text]: text },
          managedFields: [{ fieldsV1: { [`f:${text}`]: {} } }],
        },
      });
      const revision = write('apps.v1.ControllerRevision', { data: { [text]: text } });
      for (const [written, times] of [
        [pod, 4],
        [revision, 2],
      ] as const) {
        assert.ok(!written.includes(character));
        assert.equal(written.split(`a${escaped}`).length - 1, times);
      }
    });
});
