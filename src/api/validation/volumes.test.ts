/**
 * Volumes of a new pod.
 *
 * Rows: where, what, and the errors. The examples that upstream gives with names are cut off.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { POD } from '../core/pod.ts';
import { type Row, testCreates } from './test-kit.ts';

const WEB: Pod = {
  metadata: { name: 'web', namespace: 'd' },
  spec: {
    containers: [{ name: 'main', image: 'web', ports: [{ containerPort: 80 }] }],
    initContainers: [{ name: 'setup', image: 'x' }],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
};

const WEB_ROWS: readonly Row[] = [
  ['spec.volumes', [{ emptyDir: {} }], ['spec.volumes[0].name: Required value']],
  ['spec.volumes', [{ name: 'a' }, { name: 'a' }], ['spec.volumes[1].name: Duplicate value: "a"']],
  [
    'spec.volumes',
    [{ name: 'a', emptyDir: {}, hostPath: { path: '/a' } }],
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', hostPath: {} }],
    ['spec.volumes[0].hostPath.path: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', hostPath: { path: '/a/..' } }],
    ['spec.volumes[0].hostPath.path: Invalid value: "/a/..": must not contain \'..\''],
  ],
  [
    'spec.volumes',
    [{ name: 'a', hostPath: { path: '/a', type: 'X' } }],
    [
      'spec.volumes[0].hostPath.type: Unsupported value: "X": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', configMap: {} }],
    ['spec.volumes[0].configMap.name: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', secret: {} }],
    ['spec.volumes[0].secret.secretName: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', secret: { secretName: 'x', defaultMode: 1000 } }],
    [
      'spec.volumes[0].secret.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', secret: { secretName: 'x', items: [{ key: 'k', path: '../x' }] } }],
    ['spec.volumes[0].secret.items[0].path: Invalid value: "../x": must not contain \'..\''],
  ],
  [
    'spec.volumes',
    [{ name: 'a', persistentVolumeClaim: {} }],
    ['spec.volumes[0].persistentVolumeClaim.claimName: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', emptyDir: { sizeLimit: '-1' } }],
    [
      'spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', nfs: { server: 's', path: 'x' } }],
    ['spec.volumes[0].nfs.path: Invalid value: "x": must be an absolute path'],
  ],
  ['spec.volumes', [{ name: 'a', csi: {} }], ['spec.volumes[0].csi.driver: Required value']],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        projected: { sources: [{ serviceAccountToken: { path: 'x', expirationSeconds: 1 } }] },
      },
    ],
    [
      'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        projected: {
          sources: [
            { configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
            { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
          ],
        },
      },
    ],
    ['spec.volumes[0].projected: Invalid value: "s": conflicting duplicate paths'],
  ],
  ['spec.volumes', [{ name: 'a', image: {} }], ['spec.volumes[0].image.reference: Required value']],
  [
    'spec.volumes',
    [{ name: 'a', ephemeral: {} }],
    ['spec.volumes[0].ephemeral.volumeClaimTemplate: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', projected: { sources: [{ clusterTrustBundle: { path: 'p' } }] } }],
    [
      'spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified',
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        projected: {
          sources: [{ clusterTrustBundle: { name: 'n', signerName: 'a.b/c', path: 'p' } }],
        },
      },
    ],
    [
      'spec.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {"name":"n","signerName":"a.b/c","path":"p"}: only one of name and signerName may be used',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', projected: { sources: [{ clusterTrustBundle: { name: 'n', path: '' } }] } }],
    ['spec.volumes[0].projected.sources[0].clusterTrustBundle.path: Required value'],
  ],
  [
    'spec.volumes',
    [{ name: 'a', projected: { sources: [{ secret: { name: 's' }, configMap: { name: 'c' } }] } }],
    [
      'spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', projected: { sources: [{ downwardAPI: { items: [{ path: 'x' }] } }] } }],
    [
      'spec.volumes[0].projected.sources[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        projected: {
          sources: [
            {
              downwardAPI: { items: [{ path: '../x', fieldRef: { fieldPath: 'metadata.name' } }] },
            },
          ],
        },
      },
    ],
    [
      'spec.volumes[0].projected.sources[0].downwardAPI.path: Invalid value: "../x": must not contain \'..\'',
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        projected: {
          sources: [
            { downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'status.phase' } }] } },
          ],
        },
      },
    ],
    [
      'spec.volumes[0].projected.sources[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        downwardAPI: {
          items: [{ path: 'x', mode: 1000, fieldRef: { fieldPath: 'metadata.labels' } }],
        },
      },
    ],
    [
      'spec.volumes[0].downwardAPI.mode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'a', csi: { driver: 'A_' } }],
    [
      "spec.volumes[0].csi.driver: Invalid value: \"A_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'a',
        ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } },
      },
    ],
    ['spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value'],
  ],
];

testCreates({ name: 'volumes', kind: POD, object: WEB, rows: WEB_ROWS });
