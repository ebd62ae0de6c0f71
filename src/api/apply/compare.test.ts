import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeByName } from '../schema/schema.ts';
import { compare, UntypedValue } from './compare.ts';
import { rootType } from './shape.ts';

const type = rootType(typeByName('io.k8s.api.flowcontrol.v1.FlowSchema'));
const ignored = new Set(['status']);

test('an element without its identity is refused also where nothing is compared', () => {
  const schema = (condition: Record<string, string>) => ({ status: { conditions: [condition] } });
  assert.deepEqual(compare(type, {}, schema({ type: 'Dangling' }), ignored).changed, {});
  assert.throws(() => compare(type, {}, schema({ status: 'True' }), ignored), UntypedValue);
});
