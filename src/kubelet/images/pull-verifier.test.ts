import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Cri } from '../cri/cri.ts';
import { ImagePullRecords } from './image-pull-records.ts';
import { PullVerifier } from './pull-verifier.ts';

const IMAGE = 'r.example/a:1';

/** The runtime has `present`, by name. */
async function world(present: Readonly<Record<string, string>> = {}) {
  const environment = new VirtualEnvironment();
  const records = await ImagePullRecords.open(new MemoryFileSystem(), '/k');
  const cri: Pick<Cri, 'call'> = {
    call: (_name, request) => {
      const { image: { image = '' } = {} } = request as { image?: { image?: string } };
      const id = present[image];
      return Promise.resolve(id === undefined ? {} : { image: { id } }) as Promise<never>;
    },
  };
  const policy = { imagePullCredentialsVerificationPolicy: 'NeverVerifyPreloadedImages' };
  const registry = new MetricRegistry();
  const verifier = new PullVerifier({ environment, cri, records, policy, registry });
  return { environment, records, verifier };
}

describe('PullVerifier', () => {
  it('asks for credentials only where they matter', async () => {
    const { verifier } = await world();
    const credentials = () => assert.fail('not asked for');
    const request = { image: IMAGE, imageRef: 'ref', credentials };
    assert.equal(await verifier.mustPull(request), false, 'it was not pulled');
    await verifier.begin(IMAGE);
    assert.equal(await verifier.mustPull(request), true, 'it is being pulled');
    await verifier.pulled(IMAGE, 'ref', undefined);
    assert.equal(await verifier.mustPull(request), false, 'anybody may');
  });

  it('pulls where the credentials cannot be had', async () => {
    const { environment, verifier } = await world();
    await verifier.begin(IMAGE);
    const source = { secret: { uid: 'u', namespace: 'n', name: 's' } };
    await verifier.pulled(IMAGE, 'ref', { username: 'u', password: 'p', source });
    const credentials = () => Promise.reject(new Error('no secret'));
    assert.equal(await verifier.mustPull({ image: IMAGE, imageRef: 'ref', credentials }), true);
    assert.equal(environment.lines('warn').length, 1);
  });

  it('remembers both of two that end at once', async () => {
    const { records, verifier } = await world();
    const pull = async (name: string): Promise<void> => {
      const source = { secret: { uid: 'u', namespace: 'n', name } };
      await verifier.begin(IMAGE);
      await verifier.pulled(IMAGE, 'ref', { username: name, password: 'p', source });
    };
    await Promise.all([pull('one'), pull('two')]);
    const secrets = (await records.pulled('ref'))?.credentialMapping?.['r.example/a'];
    assert.deepEqual(
      secrets?.kubernetesSecrets?.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.equal(records.sizes.intents, 0);
  });

  it('keeps the intent until the last of several pulls has ended, whoever collects', async () => {
    const { records, verifier, environment } = await world({ [IMAGE]: 'ref' });
    await verifier.begin(IMAGE);
    await verifier.begin(IMAGE);
    await verifier.failed(IMAGE);
    assert.ok(records.hasIntent(IMAGE));
    await verifier.prune([], environment.clock.now());
    assert.ok(records.hasIntent(IMAGE));
    assert.equal(await records.pulled('ref'), undefined);
    await verifier.failed(IMAGE);
    assert.ok(!records.hasIntent(IMAGE));
    await verifier.begin(IMAGE);
    await verifier.failed(IMAGE);
    assert.deepEqual(records.sizes, { intents: 0, pulled: 0 });
  });

  it('keeps a record that was written while images were collected', async () => {
    const { records, verifier, environment } = await world();
    const beganMs = environment.clock.now() + 400;
    await environment.advance(900);
    await verifier.begin(IMAGE);
    await verifier.pulled(IMAGE, 'ref', undefined);
    await verifier.prune([], beganMs);
    assert.equal(records.sizes.pulled, 1);
    await environment.advance(1_000);
    await verifier.prune([], environment.clock.now());
    assert.equal(records.sizes.pulled, 0);
  });
});
