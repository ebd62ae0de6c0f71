/** What the expressions of mutating policies make. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatType, listType } from '../check/type.ts';
import { celEnvironment } from '../kubernetes.ts';
import { run } from '../test-kit.ts';
import { JSON_PATCH_TYPE, mutationTypes, OBJECT_TYPE, typeNameErrors } from './mutation.ts';

const environment = celEnvironment({ provider: mutationTypes(), hasJsonPatch: true });

describe('mutations', () => {
  it('are objects whose fields are named by their paths', () => {
    const source = "Object{metadata: Object.metadata{labels: {'a': 'b'}}, ?none: optional.none()}";
    assert.deepEqual(run(source, { environment }), { metadata: { labels: { a: 'b' } } });
    const compiled = environment.compile(source, { expectedTypes: [OBJECT_TYPE] });
    assert.ok('program' in compiled);
    assert.deepEqual(typeNameErrors(compiled.program.evaluate({}).value), []);
  });

  it('are told of when a name is not its path', () => {
    const compiled = environment.compile('Object{spec: Object.status{}}');
    assert.ok('program' in compiled);
    assert.deepEqual(typeNameErrors(compiled.program.evaluate({}).value), [
      'unexpected type name "Object.status", expected "Object.spec", which matches field name path from root Object type',
    ]);
  });

  it('are operations of JSON Patch', () => {
    const source = "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y'), value: [1]}]";
    const compiled = environment.compile(source);
    assert.ok('program' in compiled);
    assert.equal(formatType(compiled.type), formatType(listType(JSON_PATCH_TYPE)));
    assert.deepEqual(run(source, { environment }), [{ op: 'add', path: '/a/x~1y', value: [1] }]);
  });

  it('have no other fields and no other types of them', () => {
    assert.match(String(run("JSONPatch{oops: 'a'}", { environment })), /undefined field 'oops'$/);
    assert.match(
      String(run('JSONPatch{op: 1}', { environment })),
      /expected type of field 'op' is 'string' but provided type is 'int'$/,
    );
    assert.equal(
      run('JSONPatch{op: dyn(1)}', { environment }),
      "error: unexpected type int for JSONPatchType 'op' field",
    );
    assert.match(String(run('Other{}', { environment })), /undeclared reference to 'Other'/);
  });
});
