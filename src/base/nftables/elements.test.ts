import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Elements } from './elements.ts';

const at = (key: string, value: string, map = 'services') => ({ map, key, value });

describe('Elements', () => {
  it('tells what changed, and nothing of what cancelled out', () => {
    const elements = new Elements();
    elements.replace('a', [at('x', '1'), at('y', '1')]);
    assert.equal(elements.takeChanges().length, 2);
    elements.replace('a', [at('x', '2'), at('y', '1')]);
    elements.replace('b', [at('z', '1')]);
    elements.replace('b', []);
    assert.deepEqual(elements.takeChanges(), [
      { map: 'services', key: 'x', before: '1', after: '2' },
    ]);
  });

  it('keeps an element until its last owner lets go, first come first served', () => {
    const elements = new Elements();
    elements.replace('a', [at('x', 'of a')]);
    elements.replace('b', [at('x', 'of b')]);
    assert.equal(elements.get('services', 'x'), 'of a');
    elements.replace('a', []);
    assert.equal(elements.get('services', 'x'), 'of b');
    elements.replace('b', []);
    assert.equal(elements.get('services', 'x'), undefined);
  });

  it('gives changes that lead from any state to any other', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      owner: fc.constantFrom('o1', 'o2', 'o3'),
      // One owner may ask for one element several times.
      keys: fc.array(fc.tuple(key, fc.constantFrom('1', '2')), { maxLength: 5 }),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const elements = new Elements();
        const kernel = new Map<string, string>();
        const asked = new Map<string, readonly string[]>();
        const apply = (): void => {
          for (const { key: name, before, after } of elements.takeChanges()) {
            assert.equal(kernel.get(name), before);
            if (after === undefined) kernel.delete(name);
            else kernel.set(name, after);
          }
        };
        for (const { owner, keys, take } of steps) {
          elements.replace(
            owner,
            keys.map(([name, value]) => at(name, value)),
          );
          asked.set(
            owner,
            keys.map(([name]) => name),
          );
          if (take) apply();
        }
        apply();
        assert.deepEqual(new Map(elements.entries('services')), kernel);
        assert.deepEqual(new Set(kernel.keys()), new Set([...asked.values()].flat()));
      }),
    );
  });
});
