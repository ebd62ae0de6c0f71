import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dropGatedFields } from './gated-fields.ts';

const STOP = 'spec.containers[].lifecycle^stopSignal';

describe('dropGatedFields', () => {
  it('takes a field out of each item of a list', () => {
    const next = { spec: { volumes: [{ csi: 1, name: 'a' }, { name: 'b' }, { csi: 2 }] } };
    dropGatedFields(['spec.volumes[].csi'], next, undefined);
    assert.deepEqual(next, { spec: { volumes: [{ name: 'a' }, { name: 'b' }, {}] } });
  });

  it('leaves a field that the stored object has somewhere', () => {
    const next = { spec: { volumes: [{ csi: 1 }] } };
    dropGatedFields(['spec.volumes[].csi'], next, { spec: { volumes: [{}, { csi: 3 }] } });
    assert.deepEqual(next, { spec: { volumes: [{ csi: 1 }] } });
  });

  it('takes the parent with the last of its members where the path says so', () => {
    const next = {
      spec: {
        containers: [
          { lifecycle: { stopSignal: 'A' } },
          { lifecycle: { preStop: 1, stopSignal: 'A' } },
        ],
      },
    };
    dropGatedFields([STOP], next, {});
    assert.deepEqual(next, { spec: { containers: [{}, { lifecycle: { preStop: 1 } }] } });
  });

  it('leaves a parent that was empty before', () => {
    const next = { spec: { containers: [{ lifecycle: {} }] } };
    dropGatedFields([STOP], next, {});
    assert.deepEqual(next, { spec: { containers: [{ lifecycle: {} }] } });
  });
});
