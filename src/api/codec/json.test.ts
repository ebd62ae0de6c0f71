import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { typeByName } from '../schema/schema.ts';
import { makeTypeSchema } from '../schema/types.ts';
import { decodeJson, FieldDecodeError, type FieldValidation } from './json.ts';
import { forgetEmpty } from './zero.ts';

const DEPLOYMENT = typeByName('io.k8s.api.apps.v1.Deployment');
const POD = typeByName('io.k8s.api.core.v1.Pod');
const CONFIG_MAP = typeByName('io.k8s.api.core.v1.ConfigMap');
const SERVICE = typeByName('io.k8s.api.core.v1.Service');
const CRD = typeByName(
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
);

function decode(text: string, type = DEPLOYMENT, validation: FieldValidation = 'Strict') {
  return decodeJson(Buffer.from(text), type, validation);
}

describe('decodeJson finds problems', () => {
  const rows: [claim: string, text: string, problems: string[]][] = [
    ['an unknown field', '{"spec":{"foo":1}}', ['unknown field "spec.foo"']],
    ['an unknown field at the top', '{"foo":{"a":{"b":1}}}', ['unknown field "foo"']],
    [
      'an unknown field in a list',
      '{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"imag":"b"}]}}}}',
      ['unknown field "spec.template.spec.containers[1].imag"'],
    ],
    ['a field in the wrong case', '{"Spec":{}}', ['unknown field "Spec"']],
    [
      'a duplicate field',
      '{"spec":{"replicas":1,"replicas":2}}',
      ['duplicate field "spec.replicas"'],
    ],
    [
      'a duplicate map key',
      '{"metadata":{"labels":{"a":"1","a":"2"}}}',
      ['duplicate field "metadata.labels.a"'],
    ],
    [
      'a duplicate that is written with an escape',
      '{"spec":{"paused":true,"pause\\u0064":true}}',
      ['duplicate field "spec.paused"'],
    ],
    [
      'a duplicate in a list, once however often it comes',
      '{"spec":{"template":{"spec":{"containers":[{"name":"a","name":"b","name":"c"}]}}}}',
      ['duplicate field "spec.template.spec.containers[0].name"'],
    ],
    [
      'nothing in what it does not know but that',
      '{"x":{"a":1,"a":2},"x":1,"spec":{"y":[{"b":1,"b":2}]}}',
      ['unknown field "x"', 'unknown field "spec.y"'],
    ],
    [
      'nothing in JSON that it does not read',
      '{"metadata":{"managedFields":[{"fieldsV1":{"a":{},"a":{}}}]}}',
      [],
    ],
    ['nothing in colons and braces inside texts', '{"metadata":{"name":"a:{\\":\\"}["}}', []],
    ['nothing in nulls', '{"metadata":{"creationTimestamp":null},"spec":null,"status":null}', []],
  ];
  for (const [claim, text, problems] of rows) {
    it(claim, () => assert.deepEqual(decode(text).problems, problems));
  }

  it('an unknown field in a map of objects, by its key', () => {
    const schema = '{"properties":{"a":{"foo":1}}}';
    const text = `{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":${schema}}}]}}`;
    assert.deepEqual(decode(text, CRD).problems, [
      'unknown field "spec.versions[0].schema.openAPIV3Schema.properties.a.foo"',
    ]);
  });

  it('and reports at most a hundred', () => {
    const fields = Array.from({ length: 150 }, (_, i) => `"x${i}":1`).join(',');
    assert.equal(decode(`{${fields}}`).problems.length, 100);
  });

  it('and none when they are to be ignored, but drops what is unknown', () => {
    const { object, problems } = decode(
      '{"foo":1,"spec":{"paused":true,"paused":true,"x":2}}',
      DEPLOYMENT,
      'Ignore',
    );
    assert.deepEqual(problems, []);
    assert.equal(object['foo'], undefined);
    assert.ok(!Object.hasOwn(object['spec'] as object, 'x'));
  });

  it("in raw JSON none: its fields are nobody's", () => {
    const revision = typeByName('io.k8s.api.apps.v1.ControllerRevision');
    const text = '{"data":{"any":{"thing":[1,{"x":null}]}},"revision":1}';
    assert.deepEqual(decode(text, revision).problems, []);
  });
});

describe('decodeJson refuses', () => {
  const rows: [claim: string, text: string, message: string][] = [
    [
      'text for a number',
      '{"spec":{"replicas":"3"}}',
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a fraction for an integer',
      '{"spec":{"replicas":1.5}}',
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a number beyond 32 bits',
      '{"spec":{"replicas":2147483648}}',
      'json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a number for text',
      '{"metadata":{"labels":{"a":1}}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'text for a named text, by its name',
      '{"spec":{"template":{"spec":{"dnsPolicy":true}}}}',
      'json: cannot unmarshal bool into Go struct field PodSpec.spec.template.spec.dnsPolicy of type v1.DNSPolicy',
    ],
    [
      'a value in a struct that stands in another, by the names of both',
      '{"spec":{"template":{"spec":{"volumes":[{"emptyDir":{"medium":1}}]}}}}',
      'json: cannot unmarshal number into Go struct field EmptyDirVolumeSource.spec.template.spec.volumes.VolumeSource.emptyDir.medium of type v1.StorageMedium',
    ],
    [
      'a list for an object',
      '{"spec":[]}',
      'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec',
    ],
    [
      'an object for a list, without list indexes in the path',
      '{"spec":{"template":{"spec":{"containers":[{"ports":{}}]}}}}',
      'json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.ports of type []v1.ContainerPort',
    ],
    [
      'a document that is no object',
      '[]',
      'json: cannot unmarshal array into Go value of type v1.Deployment',
    ],
    [
      'a text that is no time',
      '{"metadata":{"creationTimestamp":"yesterday"}}',
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    [
      'a text that is no quantity',
      '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"much"}}}]}}}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ];
  for (const [claim, text, message] of rows) {
    it(claim, () => assert.throws(() => decode(text), { name: 'FieldDecodeError', message }));
  }

  const malformed: [text: string, message: string][] = [
    ['', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['apiVersion: v1', "invalid character 'a' looking for beginning of value"],
    ['{"a":"\t"}', "invalid character '\\t' in string literal"],
  ];
  for (const [text, message] of malformed) {
    it(`what is no JSON: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => decode(text),
        (error) => {
          assert.ok(error instanceof FieldDecodeError);
          assert.deepEqual([error.message, error.malformed], [message, true]);
          return true;
        },
      );
    });
  }

  it('nesting without end, before anything recursive sees it', () => {
    const text = `{"foo":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    assert.throws(() => decode(text), { message: 'exceeded max depth' });
  });

  it('nesting without end in a value that was parsed already', () => {
    const deep: Record<string, unknown> = {};
    let inner = deep;
    for (let i = 0; i < 5000; i++) inner = inner['a'] = {} as Record<string, unknown>;
    assert.throws(() => decodeJson(deep as never, DEPLOYMENT, 'Ignore'), {
      message: 'exceeded max depth',
    });
  });

  it('bytes that are no base64', () => {
    const secret = typeByName('io.k8s.api.core.v1.Secret');
    assert.throws(() => decode('{"data":{"a":"Zm9v!"}}', secret), {
      message: 'illegal base64 data at input byte 4',
    });
  });
});

describe('decodeJson makes values canonical', () => {
  it('quantities, numbers among them', () => {
    const limits = '{"cpu":1.5,"memory":"1024Mi","pods":"1000m"}';
    const { object } = decode(`{"spec":{"containers":[{"resources":{"limits":${limits}}}]}}`, POD);
    const [container] = (object['spec'] as { containers: { resources: object }[] }).containers;
    assert.deepEqual(container?.resources, { limits: { cpu: '1500m', memory: '1Gi', pods: '1' } });
  });

  it('times: UTC, whole seconds', () => {
    const { object } = decode(
      '{"metadata":{"creationTimestamp":"2024-05-01T12:00:00.7+02:00"}}',
      POD,
    );
    assert.equal(
      (object['metadata'] as { creationTimestamp: string }).creationTimestamp,
      '2024-05-01T10:00:00Z',
    );
  });

  it('integers and texts of an IntOrString stay what they are', () => {
    const ports = '[{"port":80,"targetPort":"http"},{"port":81,"targetPort":8080}]';
    const { object } = decode(`{"spec":{"ports":${ports}}}`, SERVICE);
    const targets = (object['spec'] as { ports: { targetPort: unknown }[] }).ports.map(
      (port) => port.targetPort,
    );
    assert.deepEqual(targets, ['http', 8080]);
  });

  it('null is absent, and in a list or map zero', () => {
    const { object } = decode(
      '{"metadata":{"name":null,"finalizers":[null],"labels":{"a":null}}}',
      POD,
    );
    assert.deepEqual(object['metadata'], { finalizers: [''], labels: { a: '' } });
  });

  it('what Go always writes is filled in', () => {
    const { object } = decode('{"spec":{"containers":[{}]}}', POD);
    assert.deepEqual(object, {
      metadata: {},
      spec: { containers: [{ name: '', resources: {} }] },
      status: {},
    });
    assert.deepEqual(decode('{"spec":{"selector":null}}').object['spec'], {
      template: { metadata: {}, spec: { containers: [] } },
      strategy: {},
    });
  });

  it('zeros that omitempty leaves out are forgotten, those of pointers are not', () => {
    const { object } = decode(
      '{"metadata":{"name":""},"spec":{"replicas":0,"paused":false,"minReadySeconds":0}}',
    );
    assert.deepEqual(object['metadata'], {});
    assert.deepEqual(object['spec'], {
      replicas: 0,
      template: { metadata: {}, spec: { containers: [] } },
      strategy: {},
    });
  });

  it('empty lists and maps stay until defaults are set', () => {
    const text =
      '{"metadata":{"labels":{}},"spec":{"template":{"spec":{"nodeSelector":{},"containers":[{"name":"a","args":[],"env":[]}]}}}}';
    const { object, hasEmpty } = decode(text);
    const metadata = object['metadata'] as { labels?: object };
    assert.deepEqual([metadata.labels, hasEmpty], [{}, true]);
    forgetEmpty(DEPLOYMENT, object);
    assert.deepEqual(object, {
      metadata: {},
      spec: {
        template: { metadata: {}, spec: { containers: [{ name: 'a', resources: {} }] } },
        strategy: {},
      },
      status: {},
    });
    assert.equal(decode('{"spec":{"template":{"spec":{"containers":[]}}}}').hasEmpty, false);
  });

  it('what Go always has is kept, empty or not', () => {
    const roles = typeByName('io.k8s.api.rbac.v1.ClusterRole');
    assert.deepEqual(decode('{"rules":[{"verbs":[]}]}', roles).object, {
      metadata: {},
      rules: [{ verbs: [] }],
    });
  });

  it('a schema is a schema, a list of them, or a boolean', () => {
    const schema =
      '{"items":[{"type":"string"}],"additionalProperties":false,"not":{"additionalProperties":{"type":"string"}}}';
    const text = `{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":${schema}}}]}}`;
    const { object, problems } = decode(text, CRD);
    assert.deepEqual(problems, []);
    const [version] = (object['spec'] as { versions: { schema: { openAPIV3Schema: unknown } }[] })
      .versions;
    assert.deepEqual(version?.schema.openAPIV3Schema, JSON.parse(schema));
  });
});

describe('decodeJson keeps its hands off', () => {
  it('texts: brackets in them are no nesting', () => {
    const name = `"${'['.repeat(5000)}`;
    const { object } = decode(JSON.stringify({ metadata: { name } }), POD);
    assert.deepEqual(object['metadata'], { name });
  });

  it('a value that was parsed already is not changed', () => {
    const value = { metadata: { labels: { a: 'b' } }, spec: { replicas: 1, foo: 2 }, x: null };
    const before = structuredClone(value);
    const { object, problems } = decodeJson(value as never, DEPLOYMENT, 'Strict');
    assert.deepEqual(value, before);
    assert.deepEqual(problems, ['unknown field "spec.foo"', 'unknown field "x"']);
    assert.notEqual(object['metadata'], value.metadata);
  });

  it('prototypes: a key named __proto__ is a key', () => {
    const { object } = decode('{"__proto__":{"x":1},"data":{"__proto__":"y"}}', CONFIG_MAP);
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.ok(!Object.hasOwn(object, '__proto__'));
    assert.equal(Object.getPrototypeOf(object['data']), Object.prototype);
    assert.deepEqual(Object.entries(object['data'] as object), [['__proto__', 'y']]);
    assert.equal(({} as { x?: number }).x, undefined);
  });

  it('fields that nobody knows below a type of two forms are dropped without a word', () => {
    const type = typeByName(
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps',
    );
    const text = '{"items":{"type":"string","odd":1},"dependencies":{},"definitions":{}}';
    const { object, problems } = decode(text, type);
    assert.deepEqual([object['items'], problems], [{ type: 'string' }, []]);
    forgetEmpty(type, object);
    assert.deepEqual([object['dependencies'], object['definitions']], [{}, undefined]);
  });

  it('unknown fields of a type that keeps them, and nulls where they are values', () => {
    const field = { number: 0, pointer: false, omitempty: true, omitzero: false, required: false };
    const type = makeTypeSchema({
      name: 'dev.example.v1.Widget',
      goName: 'Widget',
      goType: 'v1.Widget',
      preserveUnknownFields: true,
      members: [
        { ...field, json: 'size', type: { kind: 'scalar', scalar: 'int64' }, nullable: true },
      ],
    });
    const text = '{"size":null,"free":{"a":[1,null]}}';
    const { object, problems } = decode(text, type);
    assert.deepEqual(problems, []);
    assert.deepEqual(object, JSON.parse(text));
  });
});
