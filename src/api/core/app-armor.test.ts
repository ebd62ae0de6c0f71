import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { POD } from './pod.ts';
import { CONTEXT } from '../kind-test-kit.ts';
import { warnAboutTemplate } from '../validation/warnings.ts';

const KEY = 'container.apparmor.security.beta.kubernetes.io/web';
const SECCOMP = 'container.seccomp.security.alpha.kubernetes.io/web';
const localhost = (localhostProfile: string) => ({ type: 'Localhost', localhostProfile }) as const;

const pod = (annotations: Record<string, string>, spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: 'web', annotations },
  spec: { containers: [{ name: 'web', image: 'i' }], ...spec },
});

/** What the container of a new pod then has, and what its maker is told. */
function created(made: Pod): { profile: unknown; warnings: string[] } {
  const warnings: string[] = [];
  POD.prepareForCreate?.(made, { ...CONTEXT, warn: (text) => void warnings.push(text) });
  return { profile: made.spec?.containers[0]?.securityContext?.appArmorProfile, warnings };
}

const TOLD = [
  `metadata.annotations[${KEY}]: deprecated since v1.30; use the "appArmorProfile" field instead`,
];

describe('an AppArmor profile in an annotation', () => {
  const fields: readonly (readonly [annotation: string, profile: unknown])[] = [
    ['runtime/default', { type: 'RuntimeDefault' }],
    ['unconfined', { type: 'Unconfined' }],
    ['localhost/web', localhost('web')],
    ['localhost/', undefined],
    ['localhost/ web', undefined],
    ['', undefined],
  ];
  for (const [annotation, profile] of fields)
    it(`${JSON.stringify(annotation)} becomes ${JSON.stringify(profile)}`, () =>
      assert.deepEqual(created(pod({ [KEY]: annotation })), { profile, warnings: TOLD }));

  it('gives way to a field, and to what the pod says alike', () => {
    const own = [
      { name: 'web', image: 'i', securityContext: { appArmorProfile: localhost('field') } },
    ];
    assert.deepEqual(created(pod({ [KEY]: 'localhost/x' }, { containers: own })), {
      profile: localhost('field'),
      warnings: [],
    });
    const securityContext = { appArmorProfile: localhost('x') };
    assert.deepEqual(created(pod({ [KEY]: 'localhost/x' }, { securityContext })), {
      profile: undefined,
      warnings: [],
    });
    assert.deepEqual(created(pod({ [KEY]: 'localhost/y' }, { securityContext })), {
      profile: localhost('y'),
      warnings: TOLD,
    });
  });

  it('means nothing to a pod for Windows', () =>
    assert.deepEqual(created(pod({ [KEY]: 'unconfined' }, { os: { name: 'windows' } })), {
      profile: undefined,
      warnings: [],
    }));

  it('is told of in a template, which is not changed', () =>
    assert.deepEqual(
      warnAboutTemplate(pod({ [KEY]: 'unconfined', [SECCOMP]: 'unconfined' }) as object),
      [
        `spec.template.metadata.annotations[${SECCOMP}]: non-functional in v1.27+; use the "seccompProfile" field instead`,
        `spec.template.metadata.annotations[${KEY}]: deprecated since v1.30; use the "appArmorProfile" field instead`,
      ],
    ));
});

describe('a profile in an annotation and in a field', () => {
  const refusals = (annotations: Record<string, string>, securityContext: object): string[] =>
    (
      POD.validateCreate?.(
        pod(annotations, { containers: [{ name: 'web', image: 'i', securityContext }] }),
      ) ?? []
    ).map(({ field, detail }) => `${field}: ${detail}`);
  const at = 'spec.containers[0].securityContext';

  it('are the same', () => {
    const appArmorProfile = localhost('x');
    const seccompProfile = { type: 'RuntimeDefault' };
    assert.deepEqual(refusals({ [KEY]: 'localhost/x' }, { appArmorProfile }), []);
    assert.deepEqual(refusals({ [SECCOMP]: 'docker/default' }, { seccompProfile }), []);
    assert.deepEqual(refusals({ [KEY]: 'localhost/y' }, { appArmorProfile }), [
      `${at}.appArmorProfile.localhostProfile: apparmor profile in annotation and field must match`,
    ]);
    assert.deepEqual(refusals({ [KEY]: 'runtime/default' }, { appArmorProfile }), [
      `${at}.appArmorProfile.type: apparmor type in annotation and field must match`,
    ]);
    assert.deepEqual(refusals({ [SECCOMP]: 'unconfined' }, { seccompProfile }), [
      `${at}.seccompProfile.type: seccomp type in annotation and field must match`,
    ]);
  });
});
