import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FieldType } from '../schema/types.ts';
import { removeItems } from './remove.ts';

const TEXT: FieldType = { kind: 'scalar', scalar: 'string' };
const MAPS: FieldType = { kind: 'map', of: { kind: 'map', of: TEXT } };

it('leaves a container that loses its last member within another one, empty', () => {
  assert.deepEqual(removeItems(MAPS, { a: { b: 'x' } }, { 'f:a': { 'f:b': {} } }), { a: {} });
  assert.equal(removeItems(MAPS, { a: { b: 'x' } }, { 'f:a': {} }), null);
});
