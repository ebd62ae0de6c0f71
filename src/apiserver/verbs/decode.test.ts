import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { POD } from '#api/core/pod.ts';
import { anyKind } from '#api/kind.ts';
import { StatusError } from '#api/meta/status.ts';
import { typeByName } from '#api/schema/schema.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { RequestContext } from '../context.ts';
import type { RequestInfo } from '../request-info.ts';
import { decodeBody, decodeObject } from './decode.ts';
import type { FieldValidation } from './options.ts';

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

function contextOf(body: string | Uint8Array, media: string): RequestContext {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const request = { method: 'POST', url: '/', headers: { 'content-type': media }, body: bytes };
  return new RequestContext(request, {} as RequestInfo, new VirtualEnvironment());
}

function decode(
  body: string | Uint8Array,
  media = JSON_TYPE,
  validation: FieldValidation = 'Strict',
) {
  const context = contextOf(body, media);
  const object = decodeObject(context, anyKind(POD), validation);
  return { object, warnings: context.warnings };
}

const UNRECOGNIZED = 'the object provided is unrecognized (must be of type Pod): ';
const NO_KIND = `${UNRECOGNIZED}couldn't get version/kind; json parse error: `;
const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const UNHANDLED = 'Pod in version "v1" cannot be handled as a Pod: ';

const TWICE = 'metadata:\n  name: a\n  name: b\n';
const TWICE_PROBLEM =
  'error converting YAML to JSON: yaml: unmarshal errors:\n  line 3: key "name" already set in map';
const TWICE_WARNING = 'line 3: key "name" already set in map';

describe('decodeObject()', () => {
  const refuses: readonly (readonly [
    claim: string,
    media: string,
    body: string | Uint8Array,
    message: string,
  ])[] = [
    ['nothing', JSON_TYPE, '', `${NO_KIND}unexpected end of JSON input (<empty>)`],
    [
      'text that breaks off, and shows its beginning',
      JSON_TYPE,
      `{"metadata":${' '.repeat(40)}`,
      `${NO_KIND}unexpected end of JSON input ({"metadata":                   ...)`,
    ],
    [
      'what is no JSON, in hexadecimal',
      JSON_TYPE,
      'x',
      `${NO_KIND}invalid character 'x' looking for beginning of value (78)`,
    ],
    [
      'a list',
      JSON_TYPE,
      '[]',
      `${NO_KIND}json: cannot unmarshal array into Go value of type ${TYPE_META} (5b5d)`,
    ],
    [
      'a field of the wrong type',
      JSON_TYPE,
      '{"spec":{"nodeName":1}}',
      `${UNHANDLED}json: cannot unmarshal number into Go struct field PodSpec.spec.nodeName of type string`,
    ],
    [
      'an unknown field',
      JSON_TYPE,
      '{"spek":{}}',
      `${UNHANDLED}strict decoding error: unknown field "spek"`,
    ],
    [
      'what is no YAML',
      YAML_TYPE,
      '{',
      `${UNRECOGNIZED}error converting YAML to JSON: yaml: line 1: `,
    ],
    [
      'a text in YAML',
      YAML_TYPE,
      'a',
      `${NO_KIND}json: cannot unmarshal string into Go value of type ${TYPE_META} (61)`,
    ],
    [
      'a key that comes twice in YAML',
      YAML_TYPE,
      TWICE,
      `${UNHANDLED}strict decoding error: ${TWICE_PROBLEM}`,
    ],
    [
      'what is no protobuf',
      PROTOBUF_TYPE,
      '{}',
      `${UNRECOGNIZED}provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})`,
    ],
    ['no protobuf at all', PROTOBUF_TYPE, '', `${UNRECOGNIZED}empty data (<empty>)`],
    [
      'an envelope that breaks off',
      PROTOBUF_TYPE,
      Buffer.from('6b3873000a7f', 'hex'),
      `${UNRECOGNIZED}unexpected EOF (6b3873000a7f)`,
    ],
    [
      'a message that breaks off',
      PROTOBUF_TYPE,
      encodeEnvelope('v1', 'Pod', Buffer.from('0a7f', 'hex')),
      `${UNHANDLED}unexpected EOF`,
    ],
  ];
  for (const [claim, media, body, message] of refuses) {
    it(`refuses ${claim}`, () => {
      assert.throws(
        () => decode(body, media),
        (error) => {
          assert.ok(error instanceof StatusError);
          assert.equal(error.status.code, 400);
          assert.equal(error.message.slice(0, message.length), message);
          return true;
        },
      );
    });
  }

  it('warns of a key that comes twice in YAML, and takes the last', () => {
    const { object, warnings } = decode(TWICE, YAML_TYPE, 'Warn');
    assert.deepEqual(warnings, [TWICE_WARNING]);
    assert.equal(object.metadata?.name, 'b');
    assert.deepEqual(decode(TWICE, YAML_TYPE, 'Ignore').warnings, []);
  });

  for (const [body, media] of [
    ['null', JSON_TYPE],
    ['', YAML_TYPE],
  ] as const) {
    it(`takes ${JSON.stringify(body)} for an object without fields (${media})`, () => {
      assert.deepEqual(decode(body, media).object.metadata, {});
    });
  }

  it('makes the same object of JSON, YAML and protobuf', () => {
    const pod = {
      metadata: { name: 'a', labels: {}, generateName: '' },
      spec: { hostNetwork: false, nodeSelector: {}, containers: [{ name: 'b', args: [] }] },
    };
    const text = JSON.stringify(pod);
    const message = encodeProtobuf(typeByName(POD.schema), pod);
    const { object } = decode(text);
    assert.deepEqual(decode(text, YAML_TYPE).object, object);
    assert.deepEqual(decode(encodeEnvelope('v1', 'Pod', message), PROTOBUF_TYPE).object, object);
    assert.deepEqual(object.metadata, { name: 'a' });
  });
});

describe('decodeBody()', () => {
  it('refuses what cannot be read, whatever it is said to be', () => {
    for (const [body, media] of [
      ['{', JSON_TYPE],
      ['{', YAML_TYPE],
      ['[]', JSON_TYPE],
      [Buffer.from('6b3873000a7f', 'hex'), PROTOBUF_TYPE],
    ] as const) {
      assert.throws(() => decodeBody(contextOf(body, media)), { reason: 'BadRequest' });
    }
  });
});
