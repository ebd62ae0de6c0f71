/** What upstream answers where its own code decides between two ways to say the same. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { CSIDriver, StorageClass, VolumeAttachment } from '#api/gen/storage-v1.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import { MUTATING_ADMISSION_POLICY_BINDING } from '../admissionregistration/mutating-admission-policy-binding.ts';
import { API_SERVICE } from '../apiregistration/api-service.ts';
import { ENDPOINT_SLICE } from '../discovery/endpoint-slice.ts';
import { changed, created, createErrors, CONTEXT, updateErrors } from '../kind-test-kit.ts';
import { fieldPath } from '../meta/field.ts';
import { SERVICE_CIDR } from '../networking/service-cidr.ts';
import { ROLE } from '../rbac/role.ts';
import { PRIORITY_CLASS } from '../scheduling/priority-class.ts';
import { CSI_DRIVER } from '../storage/csi-driver.ts';
import { STORAGE_CLASS } from '../storage/storage-class.ts';
import { VOLUME_ATTACHMENT } from '../storage/volume-attachment.ts';
import { validateConditions } from './metadata.ts';
import { short, testCreates } from './test-kit.ts';

const INLINE = 'spec.source.inlineVolumeSpec';
const ATTACHMENT: VolumeAttachment = {
  metadata: { name: 'a' },
  spec: {
    attacher: 'csi.example.com',
    nodeName: 'n',
    source: {
      inlineVolumeSpec: {
        accessModes: ['ReadWriteOnce'],
        csi: { driver: 'csi.example.com', volumeHandle: 'h' },
      },
    },
  },
};
testCreates({
  name: 'the volume within an attachment',
  kind: VOLUME_ATTACHMENT,
  object: ATTACHMENT,
  rows: [
    [
      INLINE,
      {},
      [
        `${INLINE}.csi: Required value: has to be specified in the context of inline volumes`,
        `${INLINE}.accessModes: Required value`,
        `${INLINE}: Required value: must specify a volume type`,
      ],
    ],
    [
      `${INLINE}.hostPath`,
      { path: '/a' },
      [`${INLINE}.csi: Forbidden: may not specify more than 1 volume type`],
    ],
    [
      `${INLINE}.capacity`,
      { storage: '1Gi' },
      [`${INLINE}.capacity: Forbidden: may not be specified in the context of inline volumes`],
    ],
    [
      `${INLINE}.claimRef`,
      {},
      [`${INLINE}.claimRef: Forbidden: may not be specified in the context of inline volumes`],
    ],
    [
      `${INLINE}.storageClassName`,
      'c',
      [
        `${INLINE}.storageClassName: Forbidden: may not be specified in the context of inline volumes`,
      ],
    ],
    [
      `${INLINE}.persistentVolumeReclaimPolicy`,
      'Delete',
      [
        `${INLINE}.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes`,
      ],
    ],
    [
      `${INLINE}.volumeMode`,
      'Block',
      [
        `${INLINE}.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes`,
      ],
    ],
    [
      'spec.source.persistentVolumeName',
      '-',
      [
        'spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
        "spec.source.persistentVolumeName: Invalid value: \"-\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      ],
    ],
  ],
});

describe('a driver of volumes', () => {
  const driver: CSIDriver = {
    metadata: { name: 'd', generation: 7 },
    spec: { tokenRequests: [{ audience: 'a' }] },
  };

  it('keeps the generation that it is sent with, and counts from there', () => {
    const old = created(CSI_DRIVER, driver);
    assert.equal(old.metadata?.generation, 7);
    const next = changed(old, 'spec.requiresRepublish', true);
    CSI_DRIVER.prepareForUpdate?.(next, old, CONTEXT);
    assert.equal(next.metadata?.generation, 8);
  });

  it('is warned of tokens in the clear when they are asked for, and not again', () => {
    assert.equal(CSI_DRIVER.warn?.(driver).length, 1);
    assert.deepEqual(CSI_DRIVER.warn?.(driver, driver), []);
    const safe = changed(driver, 'spec.serviceAccountTokenInSecrets', false);
    assert.deepEqual(CSI_DRIVER.warn?.(safe), []);
  });
});

describe('a value that is empty', () => {
  it('is of no kind where the field is a pointer', () => {
    const storage: StorageClass = {
      metadata: { name: 's' },
      provisioner: 'p',
      volumeBindingMode: '' as never,
    };
    assert.deepEqual(createErrors(STORAGE_CLASS, storage), [
      'volumeBindingMode: Unsupported value: "": supported values: "Immediate", "WaitForFirstConsumer"',
    ]);
  });

  it('is missing in a priority class', () => {
    const priority = { metadata: { name: 'p' }, value: 1, preemptionPolicy: '' as never };
    assert.deepEqual(createErrors(PRIORITY_CLASS, priority), ['preemptionPolicy: Required value']);
  });
});

describe('what comes twice', () => {
  it('is told of each condition', () => {
    const condition = {
      type: 'A',
      status: 'True',
      reason: 'B',
      message: '',
      lastTransitionTime: '2024-01-01T00:00:00Z',
    };
    const errors = validateConditions([condition, condition, condition], fieldPath('c'));
    assert.deepEqual(
      errors.map((error) => error.text()),
      ['c[1].type: Duplicate value: "A"', 'c[2].type: Duplicate value: "A"'],
    );
  });

  it('is told of a topology, and an empty one equals those that are not there yet', () => {
    const term = { matchLabelExpressions: [{ key: 'a', values: ['b'] }] };
    const storage: StorageClass = {
      metadata: { name: 's' },
      provisioner: 'p',
      allowedTopologies: [term, {}],
    };
    assert.deepEqual(createErrors(STORAGE_CLASS, storage), [
      'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
      'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
    ]);
  });
});

describe('names that are part of a path', () => {
  it('begin with nothing that a name cannot be', () => {
    assert.deepEqual(ROLE.validateName?.('..', true), ["may not be '..'"]);
    const service = {
      metadata: { generateName: 'v1.' },
      spec: { group: 'a.example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 },
    };
    assert.deepEqual(createErrors(API_SERVICE, service).map(short), [
      'metadata.generateName: Invalid value: "v1.": must be `spec.version+"."+spec.group`: "v1.a.example.com"',
    ]);
  });
});

describe('updates', () => {
  it('of ranges of Services say no more than that they stay', () => {
    const range: ServiceCIDR = { metadata: { name: 'r' }, spec: { cidrs: ['10.0.0.0/24'] } };
    assert.deepEqual(updateErrors(SERVICE_CIDR, { metadata: { name: 'r' } }, range), [
      'spec.cidrs: Invalid value: null: field is immutable',
    ]);
    const joined = changed(range, 'spec.cidrs', ['10.0.0.0/24', '10.1.0.0/24']);
    assert.equal(updateErrors(SERVICE_CIDR, joined, range).length, 1);
  });

  it('of slices of domain names are not warned of again', () => {
    const slice = { addressType: 'FQDN' } as EndpointSlice;
    assert.deepEqual(ENDPOINT_SLICE.warn?.(slice), [
      'spec.addressType: FQDN endpoints are deprecated',
    ]);
    assert.deepEqual(ENDPOINT_SLICE.warn?.(slice, slice), []);
  });
});

describe('the parameters of a binding', () => {
  it('are shown as Go prints a selector', () => {
    const column = MUTATING_ADMISSION_POLICY_BINDING.columns?.find(({ name }) =>
      /param/i.test(name),
    );
    const selector = {
      matchLabels: { a: 'b' },
      matchExpressions: [{ key: 'k', operator: 'In', values: ['x', 'y'] }],
    };
    const binding = { spec: { policyName: 'p', paramRef: { selector } } };
    assert.equal(
      column?.cell(binding as never, 0),
      '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}',
    );
  });
});
