import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { changed } from '../kind-test-kit.ts';
import { isNewSpec, warnAboutName, warnAboutPod, warnAboutTemplate } from './warnings.ts';

const WEB: Pod = {
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'main', image: 'web' }] },
};

const TABLE: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['metadata.name', 'web', []],
  [
    'metadata.name',
    'a.b',
    [
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
    ],
  ],
  [
    'metadata.annotations',
    { 'scheduler.alpha.kubernetes.io/critical-pod': '' },
    [
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    ],
  ],
  [
    'spec.nodeSelector',
    { 'beta.kubernetes.io/os': 'linux' },
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
  ],
  [
    'spec.topologySpreadConstraints',
    [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    [
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
  [
    'spec.containers[0].env',
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
    [
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    ],
  ],
  [
    'spec.containers[0].env',
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '$(A)2' },
    ],
    [],
  ],
  [
    'spec.containers[0].resources',
    { limits: { memory: '100m' } },
    [
      'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
    ],
  ],
  [
    'spec.containers[0].ports',
    [
      { containerPort: 80, name: 'a' },
      { containerPort: 80, name: 'a', hostPort: 8080 },
    ],
    [
      'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[1]: duplicate port name "a" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
    ],
  ],
  [
    'spec.imagePullSecrets',
    [{ name: 'a' }, { name: 'a' }, {}],
    [
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
    ],
  ],
  [
    'spec.terminationGracePeriodSeconds',
    -1,
    [
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  ],
  [
    'spec.volumes',
    [{ name: 'v', glusterfs: { endpoints: 'e', path: 'p' } }],
    ['spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+'],
  ],
  [
    'spec.volumes',
    [
      {
        name: 'v',
        secret: {
          secretName: 's',
          items: [
            { key: 'a', path: 'x' },
            { key: 'b', path: 'x/y' },
          ],
        },
      },
    ],
    ['volume "v" (Secret "s"): overlapping paths: "x/y" with "x"'],
  ],
  [
    'spec.hostAliases',
    [{ ip: '010.0.0.1' }],
    ['spec.hostAliases[0].ip: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"'],
  ],
];

describe('warnAboutPod()', () => {
  for (const [path, value, warnings] of TABLE) {
    it(`looks at ${path} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(warnAboutPod(changed(WEB, path, value)), warnings);
    });
  }
});

describe('warnAboutTemplate()', () => {
  const template = changed(WEB, 'spec.terminationGracePeriodSeconds', -1);
  it('names the template', () => {
    assert.match(warnAboutTemplate(template)[0] ?? '', /^spec\.template\.spec\.terminationGrace/);
    assert.match(warnAboutTemplate(template, 'template')[0] ?? '', /^template\.spec\./);
  });
});

describe('isNewSpec()', () => {
  const at = (generation: number) => ({ metadata: { name: 'a', generation } });
  it('is true of creates and of updates that are counted', () => {
    assert.deepEqual(
      [isNewSpec(at(1), undefined), isNewSpec(at(2), at(1)), isNewSpec(at(2), at(2))],
      [true, true, false],
    );
  });
});

describe('warnAboutName()', () => {
  it('warns of names that are no host names', () => {
    assert.equal(warnAboutName({ metadata: { name: 'a.b' } }).length, 1);
    assert.equal(warnAboutName({ metadata: { name: 'a-b' } }).length, 0);
  });
});
