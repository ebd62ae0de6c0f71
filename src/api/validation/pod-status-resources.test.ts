/** What a status says of resources, claims, users and volumes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus, Pod, PodStatus } from '#api/gen/core-v1.ts';
import { fieldPath } from '../meta/field.ts';
import { validateClaimStatuses, validateContainerStatuses } from './pod-status-resources.ts';

const at = fieldPath('status');
const pod = (status: PodStatus): Pod => ({
  spec: {
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'mine' }],
    containers: [
      {
        name: 'app',
        resources: { requests: { cpu: '1' }, claims: [{ name: 'gpu', request: 'r' }] },
      },
    ],
  },
  status,
});
const claims = (status: PodStatus): string[] =>
  validateClaimStatuses(pod(status), at).map((error) => error.text());
const containers = (status: Partial<ContainerStatus>): string[] =>
  validateContainerStatuses(
    pod({ containerStatuses: [{ name: 'app', ...status } as ContainerStatus] }),
    at,
  ).map((error) => error.text());

describe('the resources that a container got', () => {
  const got = (name: string) => containers({ allocatedResourcesStatus: [{ name }] });
  it('are those that it asked for', () => {
    assert.deepEqual([...got('cpu'), ...got('claim:gpu/r')], []);
    const at0 = 'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: ';
    assert.deepEqual(got('memory'), [
      `${at0}"memory": must match one of the container's resource requests`,
    ]);
    assert.match(got('claim:gpu')[0] ?? '', /must match one of the container's resource claims/);
  });
  it('are healthy, unhealthy or unknown, each once', () => {
    const resources = [
      { resourceID: 'a', health: 'Healthy', message: '' },
      { resourceID: 'a', health: 'x' },
    ];
    const here = 'status.containerStatuses[0].allocatedResourcesStatus[0].resources';
    assert.deepEqual(containers({ allocatedResourcesStatus: [{ name: 'cpu', resources }] }), [
      `${here}[0].message: Required value: must be non-empty if specified`,
      `${here}[1].health: Unsupported value: "x": supported values: "Healthy", "Unhealthy", "Unknown"`,
      `${here}[1].resourceID: Duplicate value: "a"`,
    ]);
  });
});

describe('users and volumes of a container', () => {
  it('are numbers and images that there can be', () => {
    assert.deepEqual(containers({ user: { linux: { uid: -1, gid: 0 } } }), [
      'status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
    const volumeMounts = [
      { name: 'v', mountPath: '/v', volumeStatus: { image: { imageRef: '' } } },
    ];
    assert.deepEqual(containers({ volumeMounts }), [
      'status.containerStatuses[0].volumeMounts[0].volumeStatus.imageVolumeStatus.imageRef: Required value: imageRef must not be empty',
    ]);
  });
});

describe('claims', () => {
  it('are those of the spec, each once', () => {
    const name = 'status.resourceClaimStatuses[1].name';
    const resourceClaimStatuses = [{ name: 'gpu' }, { name: 'gpu' }];
    assert.deepEqual(claims({ resourceClaimStatuses }), [`${name}: Duplicate value: "gpu"`]);
    assert.deepEqual(claims({ resourceClaimStatuses: [{ name: 'x' }] }), [
      'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
    ]);
  });
  it('for extended resources map what containers ask for', () => {
    const requestMappings = [{ containerName: 'app', resourceName: 'x', requestName: 'r' }];
    assert.deepEqual(
      claims({ extendedResourceClaimStatus: { requestMappings, resourceClaimName: '' } }),
      [
        'status.extendedResourceClaimStatus.requestMappings[0].resourceName: Invalid value: "x": must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests',
        'status.extendedResourceClaimStatus.resourceClaimName: Required value',
      ],
    );
  });
});
