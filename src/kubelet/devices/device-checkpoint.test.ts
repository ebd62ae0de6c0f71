/** The checkpoint of devices, against files that upstream's kubelet has written. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDeviceState, parseDeviceState } from './device-checkpoint.ts';

/** As published by users of upstream: with nothing allocated, and with one device. */
const EMPTY =
  '{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{"nvidia.com/gpu":["GPU-0650a168-e770-3ea8-8ac3-8a1d419763e0"]}},"Checksum":3952659280}';
const ONE =
  '{"Data":{"PodDeviceEntries":[{"PodUID":"bf52b2cd-b611-4e79-86b1-280b283185c3","ContainerName":"check","ResourceName":"nvidia.com/gpu","DeviceIDs":{"-1":["tegra"]},"AllocResp":"Ch8KFk5WSURJQV9WSVNJQkxFX0RFVklDRVMSBXRlZ3Jh"}],"RegisteredDevices":{"nvidia.com/gpu":["tegra"]}},"Checksum":3660592824}';

describe('the checkpoint of devices', () => {
  it('is read and written as upstream does', () => {
    for (const text of [EMPTY, ONE]) assert.equal(formatDeviceState(parseDeviceState(text)), text);
    assert.deepEqual(parseDeviceState(ONE).allocated, [
      {
        podUid: 'bf52b2cd-b611-4e79-86b1-280b283185c3',
        container: 'check',
        resource: 'nvidia.com/gpu',
        byNode: { '-1': ['tegra'] },
        grant: { envs: { NVIDIA_VISIBLE_DEVICES: 'tegra' } },
      },
    ]);
  });

  it('has one checksum, however the maps are ordered', () => {
    const entry = { podUid: 'u', container: 'c', resource: 'r', grant: {} };
    const state = (byNode: Record<string, string[]>, registered: Record<string, string[]>) =>
      formatDeviceState({ allocated: [{ ...entry, byNode }], registered }).replace(
        /.*Checksum/,
        '',
      );
    assert.equal(
      state({ 10: ['x'], '-1': ['y'], 9: ['z'] }, { b: [], a: ['1'] }),
      state({ '-1': ['y'], 9: ['z'], 10: ['x'] }, { a: ['1'], b: [] }),
    );
  });

  it('is refused when it was changed, or is none', () => {
    for (const text of [ONE.replace('check"', 'chock"'), '{}', '{"Data":{}}', ''])
      assert.throws(() => parseDeviceState(text), Error);
  });
});
