/** Schemas out of OpenAPI documents. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type OpenApiDocument, openApiPath, schemaOf } from './openapi-types.ts';

const KIND = { group: 'example.com', version: 'v1', kind: 'Tree' };
const $ref = '#/components/schemas/tree';
const leaf = '#/components/schemas/leaf';

function document(more: object = {}): OpenApiDocument {
  return {
    components: {
      schemas: {
        leaf: { type: 'object', properties: { size: { type: 'integer' } } },
        tree: {
          type: 'object',
          'x-kubernetes-group-version-kind': [KIND],
          properties: {
            left: { $ref },
            leaf: { allOf: [{ $ref: leaf }], default: {} },
            again: { $ref: leaf },
            list: { type: 'array', items: { $ref: leaf } },
            map: { type: 'object', additionalProperties: { $ref: leaf } },
            ...more,
          },
        },
      },
    },
  };
}

describe('the schema of a kind', () => {
  it('has in place what it refers to, and ends where it refers to itself', () => {
    const resolved = { type: 'object', properties: { size: { type: 'integer' } } };
    assert.deepEqual(schemaOf(document(), KIND)?.properties, {
      left: { type: 'object' },
      leaf: resolved,
      again: resolved,
      list: { type: 'array', items: resolved },
      map: { type: 'object', additionalProperties: resolved },
    });
  });

  it('is not known when the document does not describe it, or not all of it', () => {
    assert.equal(schemaOf(document(), { ...KIND, version: 'v2' }), undefined);
    const lost = { $ref: '#/components/schemas/lost' };
    assert.equal(schemaOf(document({ lost }), KIND), undefined);
    assert.equal(schemaOf(document({ list: { type: 'array', items: lost } }), KIND), undefined);
    assert.equal(schemaOf({}, KIND), undefined);
  });

  it('is in the document of its group version', () => {
    assert.equal(openApiPath({ group: '', version: 'v1' }), 'api/v1');
    assert.equal(openApiPath(KIND), 'apis/example.com/v1');
  });
});
