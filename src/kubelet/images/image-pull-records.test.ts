import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { fileNameOf, ImagePullRecords } from './image-pull-records.ts';

const ROOT = '/var/lib/kubelet';
const PULLING = `${ROOT}/image_manager/pulling`;
const PULLED = `${ROOT}/image_manager/pulled`;
const TIME = '2026-01-01T00:00:10Z';

describe('records of pulls', () => {
  it('are upstream’s files', async () => {
    const fileSystem = new MemoryFileSystem();
    const records = await ImagePullRecords.open(fileSystem, ROOT);
    await records.writeIntent('docker.io/testing/test:something');
    const name = 'sha256-f24acc752be18b93b0504c86312bbaf482c9efb0c45e925bbccb0a591cebd7af';
    assert.deepEqual(
      await fileSystem.readText(`${PULLING}/${name}`),
      '{"apiVersion":"kubelet.config.k8s.io/v1alpha1","kind":"ImagePullIntent","image":"docker.io/testing/test:something"}',
    );
    await records.writePulled({
      lastUpdatedTime: TIME,
      imageRef: 'testimageref',
      credentialMapping: {
        'docker.io/testing/test': {
          kubernetesSecrets: [
            { uid: 'u', namespace: 'default', name: 'pull-secret', credentialHash: 'h' },
          ],
          kubernetesServiceAccounts: [{ uid: 'u', namespace: 'default', name: 'sa' }],
        },
        'docker.io/testing/other': { nodePodsAccessible: true },
      },
    });
    assert.deepEqual(
      JSON.parse(
        await fileSystem.readText(
          `${PULLED}/sha256-b3c0cc4278800b03a308ceb2611161430df571ca733122f0a40ac8b9792a9064`,
        ),
      ),
      {
        apiVersion: 'kubelet.config.k8s.io/v1alpha1',
        kind: 'ImagePulledRecord',
        lastUpdatedTime: TIME,
        imageRef: 'testimageref',
        credentialMapping: {
          'docker.io/testing/test': {
            kubernetesSecrets: [
              { uid: 'u', namespace: 'default', name: 'pull-secret', credentialHash: 'h' },
            ],
            kubernetesServiceAccounts: [{ uid: 'u', namespace: 'default', name: 'sa' }],
          },
          'docker.io/testing/other': { nodePodsAccessible: true },
        },
      },
    );
    assert.deepEqual(records.sizes, { intents: 1, pulled: 1 });
  });

  it('are found by the next kubelet, and nothing else in the directories', async () => {
    const fileSystem = new MemoryFileSystem();
    const before = await ImagePullRecords.open(fileSystem, ROOT);
    await before.writeIntent('a');
    await before.writeIntent('b');
    await before.removeIntent('b');
    assert.deepEqual([before.hasIntent('b'), before.sizes.intents], [false, 1]);
    await before.writePulled({ lastUpdatedTime: TIME, imageRef: 'r' });
    await fileSystem.writeFile(`${PULLING}/${fileNameOf('c')}.tmp`, 'half');
    const after = await ImagePullRecords.open(fileSystem, ROOT);
    assert.deepEqual(after.sizes, { intents: 1, pulled: 1 });
    assert.deepEqual(
      ['a', 'b', 'c'].map((image) => after.hasIntent(image)),
      [true, false, false],
    );
    assert.deepEqual(await after.intents(() => assert.fail()), ['a']);
    assert.equal((await after.pulled('r'))?.imageRef, 'r');
    assert.equal(await after.pulled('other'), undefined);
  });

  it('that cannot be read are told of', async () => {
    const fileSystem = new MemoryFileSystem();
    const head = '"apiVersion":"kubelet.config.k8s.io/v1alpha1","kind":"ImagePulledRecord"';
    const bad = (text: string) => fileSystem.writeFile(`${PULLED}/${fileNameOf('r')}`, text);
    await bad(`{${head},"imageRef":"r","lastUpdatedTime":"${TIME}","more":1}`);
    await fileSystem.writeFile(`${PULLING}/${fileNameOf('a')}`, '');
    const records = await ImagePullRecords.open(fileSystem, ROOT);
    await assert.rejects(records.pulled('r'), /strict decoding error: unknown field "more"/);
    await bad(`{${head},"imageRef":1}`);
    await assert.rejects(records.pulled('r'), /cannot unmarshal number/);
    const errors: unknown[] = [];
    assert.deepEqual(await records.intents((error) => errors.push(error)), []);
    assert.equal(errors.length, 1);
    assert.ok(records.hasIntent('a'));
  });

  it('go with their images, but for those updated since', async () => {
    const fileSystem = new MemoryFileSystem();
    const records = await ImagePullRecords.open(fileSystem, ROOT);
    for (const imageRef of ['kept', 'gone'])
      await records.writePulled({ lastUpdatedTime: TIME, imageRef });
    await records.writePulled({ lastUpdatedTime: '2026-01-01T00:00:11Z', imageRef: 'new' });
    await fileSystem.writeFile(`${PULLED}/${fileNameOf('broken')}`, '{');
    const opened = await ImagePullRecords.open(fileSystem, ROOT);
    await opened.keepPulled(['kept'], Date.parse('2026-01-01T00:00:11Z'));
    assert.deepEqual(
      (await fileSystem.list(PULLED)).toSorted(),
      [fileNameOf('kept'), fileNameOf('new')].toSorted(),
    );
    assert.equal(opened.sizes.pulled, 2);
    assert.equal(await opened.pulled('gone'), undefined);
  });
});
