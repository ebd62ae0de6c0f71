import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { invalidValue } from '../meta/field.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { goSchema, goVersions } from './go-form.ts';

/** What was sent, of all that is shown. */
function said(value: Json): Json {
  if (Array.isArray(value)) return value.map(said);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(
    ([, member]) => member !== null && member !== '' && member !== false,
  );
  return Object.fromEntries(entries.map(([name, member]) => [name, said(member ?? null)]));
}

describe('schemas with Go’s names', () => {
  it('show what is nested, and properties in order', () => {
    const shown = goSchema({
      type: 'object',
      properties: {
        b: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        a: { type: 'object', additionalProperties: true },
      },
      'x-kubernetes-validations': [{ rule: 'self > 1' }],
    });
    const { Properties } = shown as JsonObject;
    assert.deepEqual(Object.keys(Properties ?? {}), ['a', 'b']);
    assert.deepEqual(said(shown), {
      Type: 'object',
      Properties: {
        a: { Type: 'object', AdditionalProperties: { Allows: true } },
        b: { Type: 'array', Items: { Schema: { Type: 'string' } }, XListType: 'set' },
      },
      XValidations: [{ Rule: 'self > 1' }],
    });
  });

  it('are printed as Go prints JSON', () => {
    const error = invalidValue('a', { rule: 'a > b' }, 'odd');
    assert.equal(error.text(), 'a: Invalid value: {"rule":"a \\u003e b"}: odd');
  });
});

describe('versions with Go’s names', () => {
  it('show all of their fields', () => {
    const [shown] = goVersions({
      shared: {},
      versions: [{ name: 'v1', served: true, storage: false }],
    }) as JsonObject[];
    assert.deepEqual(shown, {
      Name: 'v1',
      Served: true,
      Storage: false,
      Deprecated: false,
      DeprecationWarning: null,
      Schema: null,
      Subresources: null,
      AdditionalPrinterColumns: null,
      SelectableFields: null,
    });
  });
});
