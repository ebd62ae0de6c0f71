/** Which profile a container gets, and on which nodes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppArmorProfile, Pod } from '#api/gen/core-v1.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { appArmorRejection, isAppArmorEnabled } from '../admission/apparmor.ts';
import { linuxSecurityContext } from './security-context.ts';

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/main';
const localhost = (name: string): AppArmorProfile => ({
  type: 'Localhost',
  localhostProfile: name,
});

interface Asked {
  readonly own?: AppArmorProfile;
  readonly annotation?: string;
  readonly ofPod?: AppArmorProfile;
}

function podOf({ own, annotation, ofPod }: Asked): Pod {
  const container = {
    name: 'main',
    ...(own === undefined ? {} : { securityContext: { appArmorProfile: own } }),
  };
  return {
    metadata: annotation === undefined ? {} : { annotations: { [ANNOTATION]: annotation } },
    spec: {
      containers: [container],
      ...(ofPod === undefined ? {} : { securityContext: { appArmorProfile: ofPod } }),
    },
  };
}

const contextOf = (pod: Pod) =>
  linuxSecurityContext({
    pod,
    container: pod.spec?.containers[0] ?? { name: '' },
    user: { username: '' },
    seccompDirectory: '/s',
    seccompDefault: false,
  });

describe('the AppArmor profile of a container', () => {
  const rows: readonly (readonly [string, Asked, string | undefined, number?, string?])[] = [
    ['none', {}, undefined],
    ['its own first', { own: localhost('a'), annotation: 'unconfined' }, 'localhost/a', 2, 'a'],
    [
      'the annotation before that of the pod',
      { annotation: 'localhost/b', ofPod: { type: 'Unconfined' } },
      'localhost/b',
      2,
      'b',
    ],
    ['that of the pod', { ofPod: { type: 'RuntimeDefault' } }, 'runtime/default', 0],
    ['the default by annotation', { annotation: 'runtime/default' }, 'runtime/default', 0],
    ['none by annotation', { annotation: 'unconfined' }, 'unconfined', 1],
    ['that of the pod, after an odd annotation', { annotation: 'x' }, undefined],
  ];
  for (const [name, asked, text, type, reference] of rows)
    it(name, () => {
      const { apparmor, apparmorProfile } = contextOf(podOf(asked));
      assert.equal(apparmorProfile, text);
      assert.equal(apparmor?.profileType, type);
      assert.equal(apparmor?.localhostRef, reference);
    });

  it('is an error where it has no name, or no type that is known', () => {
    const asking = (own: unknown) => () => contextOf(podOf({ own: own as AppArmorProfile }));
    assert.throws(
      asking({ type: 'Localhost' }),
      /^Error: missing localhost apparmor profile name$/,
    );
    assert.throws(asking({ type: 'Odd' }), /^Error: unknown apparmor profile type: "Odd"$/);
  });
});

describe('a node without AppArmor', () => {
  const refused = (asked: Asked, isEnabled = false) =>
    appArmorRejection(podOf(asked), isEnabled)?.message;
  const TEXT = 'Cannot enforce AppArmor: AppArmor is not enabled on the host';

  it('refuses pods that ask for it, in each of the ways', () => {
    assert.equal(refused({ own: { type: 'RuntimeDefault' } }), TEXT);
    assert.equal(refused({ annotation: 'localhost/a' }), TEXT);
    assert.equal(refused({ ofPod: localhost('a') }), TEXT);
  });

  it('takes all others', () => {
    assert.equal(refused({}), undefined);
    assert.equal(refused({ own: { type: 'Unconfined' } }), undefined);
    assert.equal(refused({ own: { type: 'RuntimeDefault' } }, true), undefined);
  });

  it('is known by the kernel', async () => {
    const fileSystem = new MemoryFileSystem();
    const module = '/sys/module/apparmor/parameters/enabled';
    await fileSystem.writeFile(module, 'Y\n');
    assert.equal(await isAppArmorEnabled(fileSystem), false);
    await fileSystem.makeDirectory('/sys/kernel/security/apparmor');
    assert.equal(await isAppArmorEnabled(fileSystem), true);
    await fileSystem.writeFile(module, 'N\n');
    assert.equal(await isAppArmorEnabled(fileSystem), false);
  });
});
