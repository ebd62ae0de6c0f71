/**
 * What may change of stored objects, and what not.
 *
 * Rows: where, what, and the errors, without the diff that some end with.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changed, created, updateErrors } from '../kind-test-kit.ts';
import { KINDS } from '../kinds.ts';
import type { KubeObject } from '../meta/object.ts';
import type { Row } from './test-kit.ts';

interface Case {
  readonly kind: string;
  readonly object: KubeObject & Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
}

const POD_CHANGE =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
const STATEFUL_SET_CHANGE =
  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

const WORKLOAD = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    },
  },
};

const SELECTOR_CHANGE: Row = [
  'spec.selector',
  { matchLabels: { app: 'web', a: 'b' } },
  [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    'spec.selector: Invalid value: {"matchLabels":{"a":"b","app":"web"}}: field is immutable',
  ],
];

const CASES: readonly Case[] = [
  {
    kind: 'Pod',
    object: {
      metadata: { name: 'web', namespace: 'd' },
      spec: {
        containers: [{ name: 'main', image: 'web' }],
        tolerations: [{ key: 'a', operator: 'Exists' }],
      },
    },
    rows: [
      ['spec.containers[0].image', 'other', []],
      ['spec.containers[0].name', 'other', [POD_CHANGE]],
      ['spec.nodeName', 'n', [POD_CHANGE]],
      ['spec.tolerations[1]', { key: 'b', operator: 'Exists' }, []],
      [
        'spec.tolerations',
        [],
        [
          'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
        ],
      ],
      ['spec.activeDeadlineSeconds', 5, []],
      ['spec.terminationGracePeriodSeconds', 1, [POD_CHANGE]],
      [
        'spec.containers[1]',
        { name: 'x', image: 'y' },
        ['spec.containers: Forbidden: pod updates may not add or remove containers'],
      ],
      ['spec.containers[0].image', '', ['spec.containers[0].image: Required value']],
      ['metadata.labels', { a: 'b' }, []],
      [
        'spec.schedulingGates',
        [{ name: 'a' }],
        [
          "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a'",
        ],
      ],
      ['spec.containers[0].resources', { limits: { cpu: '1' } }, [POD_CHANGE]],
    ],
  },
  {
    kind: 'Deployment',
    object: WORKLOAD,
    rows: [
      SELECTOR_CHANGE,
      ['spec.replicas', 3, []],
      ['spec.template.spec.containers[0].image', 'x', []],
    ],
  },
  {
    kind: 'ReplicaSet',
    object: WORKLOAD,
    rows: [SELECTOR_CHANGE],
  },
  {
    kind: 'StatefulSet',
    object: changed(WORKLOAD, 'spec.serviceName', 'web'),
    rows: [
      ['spec.serviceName', 'x', [STATEFUL_SET_CHANGE]],
      ['spec.replicas', 4, []],
      ['spec.podManagementPolicy', 'Parallel', [STATEFUL_SET_CHANGE]],
      [
        'spec.volumeClaimTemplates',
        [
          {
            metadata: { name: 'a' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
        [STATEFUL_SET_CHANGE],
      ],
    ],
  },
  {
    kind: 'DaemonSet',
    object: WORKLOAD,
    rows: [SELECTOR_CHANGE],
  },
  {
    kind: 'Job',
    object: {
      metadata: { name: 'pi', namespace: 'd' },
      spec: {
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'x' }] } },
      },
    },
    rows: [
      ['spec.completions', 4, ['spec.completions: Invalid value: 4: field is immutable']],
      ['spec.parallelism', 4, []],
      ['spec.backoffLimit', 1, []],
      [
        'spec.completionMode',
        'Indexed',
        ['spec.completionMode: Invalid value: "Indexed": field is immutable'],
      ],
      ['spec.suspend', true, []],
      [
        'spec.podFailurePolicy',
        { rules: [] },
        [
          'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
          'spec.podFailurePolicy: Invalid value: {"Rules":null}: field is immutable',
        ],
      ],
    ],
  },
  {
    kind: 'Service',
    object: {
      metadata: { name: 's', namespace: 'd' },
      spec: {
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ports: [{ port: 80 }],
        type: 'ClusterIP',
      },
    },
    rows: [
      [
        'spec.clusterIPs[0]',
        '10.0.0.2',
        [
          'spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`',
          'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
        ],
      ],
      ['spec.ports[0].port', 81, []],
      [
        'spec.loadBalancerClass',
        'a/b',
        ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
      ],
    ],
  },
  {
    kind: 'ConfigMap',
    object: { metadata: { name: 'c' }, data: { a: 'b' }, immutable: true },
    rows: [
      ['data.a', 'c', ['data: Forbidden: field is immutable when `immutable` is set']],
      ['immutable', false, ['immutable: Forbidden: field is immutable when `immutable` is set']],
    ],
  },
  {
    kind: 'Secret',
    object: { metadata: { name: 'c' }, data: { a: 'eA==' }, immutable: true, type: 'Opaque' },
    rows: [
      ['data.a', 'eQ==', ['data: Forbidden: field is immutable when `immutable` is set']],
      ['type', 'other', ['type: Invalid value: "other": field is immutable']],
      [
        'immutable',
        undefined,
        ['immutable: Forbidden: field is immutable when `immutable` is set'],
      ],
    ],
  },
  {
    kind: 'PersistentVolumeClaim',
    object: {
      metadata: { name: 'c', namespace: 'd' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      status: { phase: 'Bound' },
    },
    rows: [
      ['spec.resources.requests.storage', '2Gi', []],
      [
        'spec.accessModes',
        ['ReadWriteMany'],
        [
          'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
        ],
      ],
      ['spec.volumeName', 'v', []],
      ['spec.storageClassName', 'x', []],
    ],
  },
  {
    kind: 'PersistentVolume',
    object: {
      metadata: { name: 'v' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        hostPath: { path: '/v' },
      },
    },
    rows: [
      [
        'spec.hostPath.path',
        '/w',
        [
          'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
        ],
      ],
      ['spec.capacity.storage', '2Gi', []],
      ['spec.volumeMode', 'Block', ['volumeMode: Invalid value: "Block": field is immutable']],
    ],
  },
  {
    kind: 'Node',
    object: {
      metadata: { name: 'n' },
      spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'], providerID: 'a' },
    },
    rows: [
      [
        'spec.providerID',
        'b',
        [
          'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
        ],
      ],
      ['spec.unschedulable', true, []],
      ['spec.taints', [{ key: 'a', effect: 'NoSchedule' }], []],
    ],
  },
  {
    kind: 'RoleBinding',
    object: {
      metadata: { name: 'r', namespace: 'd' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    },
    rows: [
      [
        'roleRef.name',
        'x',
        [
          'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"x"}: cannot change roleRef',
        ],
      ],
    ],
  },
  {
    kind: 'StorageClass',
    object: { metadata: { name: 's' }, provisioner: 'a' },
    rows: [
      ['provisioner', 'b', ['provisioner: Invalid value: "b": field is immutable']],
      ['parameters', { a: 'b' }, ['parameters: Invalid value: {"a":"b"}: field is immutable']],
      ['reclaimPolicy', 'Retain', ['reclaimPolicy: Invalid value: "Retain": field is immutable']],
      ['allowVolumeExpansion', true, []],
    ],
  },
  {
    kind: 'PriorityClass',
    object: { metadata: { name: 's' }, value: 1 },
    rows: [
      ['value', 2, ['value: Forbidden: may not be changed in an update.']],
      [
        'preemptionPolicy',
        'Never',
        ['preemptionPolicy: Invalid value: "Never": field is immutable'],
      ],
    ],
  },
  {
    kind: 'IngressClass',
    object: { metadata: { name: 's' }, spec: { controller: 'a.b/c' } },
    rows: [
      ['spec.controller', 'a.b/d', ['spec.controller: Invalid value: "a.b/d": field is immutable']],
    ],
  },
  {
    kind: 'ServiceCIDR',
    object: { metadata: { name: 's' }, spec: { cidrs: ['10.0.0.0/24'] } },
    rows: [
      [
        'spec.cidrs',
        ['10.1.0.0/24'],
        ['spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable'],
      ],
      ['spec.cidrs', ['10.0.0.0/24', 'fd00::/64'], []],
    ],
  },
  {
    kind: 'EndpointSlice',
    object: {
      metadata: { name: 's', namespace: 'd' },
      addressType: 'IPv4',
      endpoints: [],
      ports: [],
    },
    rows: [['addressType', 'IPv6', ['addressType: Invalid value: "IPv6": field is immutable']]],
  },
  {
    kind: 'CronJob',
    object: {
      metadata: { name: 's', namespace: 'd' },
      spec: {
        schedule: 'TZ=UTC * * * * *',
        jobTemplate: {
          spec: {
            template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'x' }] } },
          },
        },
      },
    },
    rows: [
      ['spec.suspend', true, []],
      ['spec.schedule', 'TZ=UTC 1 * * * *', []],
      [
        'spec.timeZone',
        'UTC',
        [
          'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
        ],
      ],
    ],
  },
];

for (const { kind: name, object, rows } of CASES) {
  describe(`an update of a ${name}`, () => {
    const kind = KINDS.find((each) => each.kind === name);
    assert.ok(kind);
    const stored = {
      ...created(kind, object),
      ...('status' in object ? { status: object.status } : {}),
    };
    it('takes one that changes nothing', () => {
      assert.deepEqual(updateErrors(kind, stored, object), []);
    });
    for (const [path, value, errors] of rows) {
      it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
        const found = updateErrors(kind, changed(stored, path, value), object);
        assert.deepEqual([...new Set(found.map((error) => error.split('\n')[0]))], errors);
      });
    }
  });
}
