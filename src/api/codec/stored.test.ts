import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShared } from './known-text.ts';
import { isAsWritten, parseStored, parseStoredShared } from './stored.ts';

function entry(fields: string): string {
  return `{"manager":"m","operation":"Update","apiVersion":"v1","time":"2026-01-05T08:15:30Z","fieldsType":"FieldsV1","fieldsV1":${fields},"subresource":"status"}`;
}

function pod(...fields: string[]): string {
  return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","managedFields":[${fields.map(entry).join(',')}]},"status":{"phase":"Running"}}`;
}

interface Managed {
  metadata: { managedFields: { fieldsV1: object }[] };
}

function setsOf(text: string): object[] {
  const { metadata } = parseStoredShared(text) as unknown as Managed;
  return metadata.managedFields.map(({ fieldsV1 }) => fieldsV1);
}

test('sets of fields are read once for all objects that have them', () => {
  const set = '{"f:status":{"f:phase":{},"k:{\\"type\\":\\"Ready\\"}":{".":{}}}}';
  const [first, second] = setsOf(pod(set, set));
  const [other] = setsOf(pod(set));
  assert.equal(first, second);
  assert.equal(first, other);
  assert.ok(isShared(first) && Object.isFrozen(first));
});

for (const [what, text] of Object.entries({
  'no manager': '{"kind":"Pod","metadata":{"name":"a"}}',
  'an empty set': pod('{}'),
  'keys with quotes, braces and backslashes': pod(
    '{"f:data":{"k:{\\"a\\":\\"}\\\\\\\\\\"}":{},"v:\\"{{\\"":{},"f:\\\\":{}}}',
    '{"f:spec":{}}',
  ),
  'a long set': pod(`{${Array.from({ length: 900 }, (_, i) => `"f:member${i}":{}`).join(',')}}`),
  'what looks like managers elsewhere': `{"metadata":{"name":"a"},"spec":{"list":[${entry('{"f:a":{}}')}]}}`,
  'managers there and elsewhere': `{"metadata":{"managedFields":[${entry('{"f:a":{}}')}]},"spec":${entry('{"f:b":{}}')}}`,
}))
  test(`sharing changes nothing of an object with ${what}`, () => {
    assert.deepEqual(parseStoredShared(text), JSON.parse(text));
    assert.equal(JSON.stringify(parseStoredShared(text)), JSON.stringify(JSON.parse(text)));
  });

test('lists that Go always writes are empty, and the object then not as Go writes it', () => {
  const text = '{"kind":"Role","metadata":{"name":"a"},"rules":null}';
  const object = parseStored(text);
  assert.deepEqual(object['rules'], []);
  assert.equal(isAsWritten(object), false);
});

test('nulls of other fields stay, and the object is as Go writes it', () => {
  const text = '{"status":{"conditions":[{"type":"Ready","lastProbeTime":null}]}}';
  const object = parseStored(text);
  assert.deepEqual(object, JSON.parse(text));
  assert.equal(isAsWritten(object), true);
});
