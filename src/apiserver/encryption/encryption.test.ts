import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { LiveValue } from '#base/live.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { TestKeyService } from '#kit/key-service.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { MemoryStore } from '#store/memory.ts';
import { type EncryptionConfig, readEncryptionConfig } from './config.ts';

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n';
const secretOf = (letter: string): string => Buffer.from(letter.repeat(32)).toString('base64');
const keys = (...names: readonly string[]): string =>
  `{keys: [${names.map((name) => `{name: ${name}, secret: ${secretOf(name.slice(-1))}}`).join(', ')}]}`;
const rule = (resources: string, ...providers: readonly string[]): string =>
  `- {resources: [${resources}], providers: [${providers.join(', ')}]}\n`;
const KMS = '{kms: {apiVersion: v2, name: vault, endpoint: "unix:///run/vault.sock"}}';

const SECRETS = '/api/v1/namespaces/default/secrets';
const CANARY = 'a canary sang';
const secret = (name: string): object => ({ metadata: { name }, stringData: { word: CANARY } });

describe('encryption at rest', () => {
  let environment: VirtualEnvironment;
  let store: MemoryStore;
  let keyService: TestKeyService;
  let config: LiveValue<EncryptionConfig>;
  let server: TestApiServer;

  const start = async (text: string): Promise<void> => {
    config = new LiveValue(readEncryptionConfig(`${HEAD}${text}`), text);
    const encryption = { config, keyService: () => keyService.channel() };
    server = await TestApiServer.start({ environment, store, encryption });
  };
  const restart = async (text: string): Promise<void> => {
    await environment.resolve(server.server.stop());
    await start(text);
  };
  /** As when the file is written anew. */
  const change = async (text: string): Promise<void> => {
    try {
      config.set(readEncryptionConfig(`${HEAD}${text}`), text);
    } catch (error) {
      config.fail(String(error));
    }
    await environment.advance(1);
  };
  /** What lies in the store, as text. */
  const stored = async (key: string): Promise<string> =>
    Buffer.from((await store.get(`/registry/${key}`)).item?.value ?? []).toString('latin1');
  const word = async (name: string): Promise<string> => {
    const { body } = await server.call(`GET ${SECRETS}/${name}`);
    return Buffer.from(body.data?.word ?? '', 'base64').toString();
  };
  const metrics = async (): Promise<string> => String((await server.call('GET /metrics')).body);

  beforeEach(() => {
    environment = new VirtualEnvironment();
    store = new MemoryStore(environment);
    keyService = new TestKeyService();
  });

  for (const [kind, prefix] of [
    ['aescbc', 'k8s:enc:aescbc:v1:key-a:'],
    ['aesgcm', 'k8s:enc:aesgcm:v1:key-a:'],
    ['secretbox', 'k8s:enc:secretbox:v1:key-a:'],
  ] as const)
    it(`stores nothing that can be read with ${kind}, and reads it after a restart`, async () => {
      const config = rule('secrets', `{${kind}: ${keys('key-a')}}`);
      await start(config);
      assert.equal((await server.call(`POST ${SECRETS}`, secret('one'))).status, 201);
      const bytes = await stored('secrets/default/one');
      assert.ok(bytes.startsWith(prefix), bytes.slice(0, 40));
      assert.ok(!bytes.includes('stringData') && !bytes.includes('"kind"'));
      assert.equal(await word('one'), CANARY);
      await restart(config);
      assert.equal(await word('one'), CANARY);
    });

  it('leaves other resources as they are', async () => {
    await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
    await server.call('POST /api/v1/namespaces/default/configmaps', { metadata: { name: 'one' } });
    assert.match(await stored('configmaps/default/one'), /^\{"kind":"ConfigMap"/);
  });

  it('shows plain objects to watches, their deletion too', async () => {
    await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
    const { metadata } = await server.must(`GET ${SECRETS}`);
    const query = `watch=1&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`;
    const watched = server.call(`GET ${SECRETS}?${query}`);
    await environment.advance(10);
    await server.must(`POST ${SECRETS}`, secret('one'));
    await server.must(`DELETE ${SECRETS}/one`);
    await environment.advance(6_000);
    const { body } = await watched;
    const events = String(body)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { data: { word: string } } });
    assert.deepEqual(
      events.map(({ type, object }) => [type, Buffer.from(object.data.word, 'base64').toString()]),
      [
        ['ADDED', CANARY],
        ['DELETED', CANARY],
      ],
    );
  });

  it('encrypts by the nearest rule: resource, group, all', async () => {
    await start(
      rule('events', '{identity: {}}') +
        rule('"*.apps"', `{aesgcm: ${keys('key-b')}}`) +
        rule('"*.*"', `{aesgcm: ${keys('key-a')}}`),
    );
    await server.call('POST /api/v1/namespaces/default/configmaps', { metadata: { name: 'one' } });
    await server.must('POST /apis/apps/v1/namespaces/default/controllerrevisions', {
      metadata: { name: 'one' },
      data: {},
      revision: 1,
    });
    await server.must('POST /api/v1/namespaces/default/events', {
      metadata: { name: 'one', namespace: 'default' },
      involvedObject: { namespace: 'default' },
    });
    assert.match(await stored('configmaps/default/one'), /^k8s:enc:aesgcm:v1:key-a:/);
    assert.match(await stored('controllerrevisions/default/one'), /^k8s:enc:aesgcm:v1:key-b:/);
    assert.match(await stored('events/default/one'), /^\{/);
  });

  it('encrypts custom resources, those of later definitions too', async () => {
    await start(rule('pandas.bears.example', `{aesgcm: ${keys('key-a')}}`));
    await server.call('POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'pandas.bears.example' },
      spec: {
        group: 'bears.example',
        scope: 'Namespaced',
        names: { plural: 'pandas', kind: 'Panda' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        ],
      },
    });
    await environment.advance(5_000);
    const path = '/apis/bears.example/v1/namespaces/default/pandas';
    const made = await server.call(`POST ${path}`, {
      apiVersion: 'bears.example/v1',
      kind: 'Panda',
      metadata: { name: 'one' },
      word: CANARY,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.match(await stored('bears.example/pandas/default/one'), /^k8s:enc:aesgcm:v1:key-a:/);
    assert.equal((await server.call(`GET ${path}/one`)).body.word, CANARY);
  });

  it('writes with the first key, reads with all, and writes anew what another key has encrypted', async () => {
    await start(rule('secrets', '{identity: {}}'));
    await server.call(`POST ${SECRETS}`, secret('plain'));
    await restart(rule('secrets', `{aescbc: ${keys('key-a')}}`, '{identity: {}}'));
    await server.call(`POST ${SECRETS}`, secret('old'));
    await restart(rule('secrets', `{aescbc: ${keys('key-b', 'key-a')}}`, '{identity: {}}'));
    assert.deepEqual([await word('plain'), await word('old')], [CANARY, CANARY]);
    for (const name of ['plain', 'old']) {
      const { body } = await server.call(`GET ${SECRETS}/${name}`);
      const again = await server.call(`PUT ${SECRETS}/${name}`, body);
      assert.notEqual(again.body.metadata.resourceVersion, body.metadata.resourceVersion);
      assert.match(await stored(`secrets/default/${name}`), /^k8s:enc:aescbc:v1:key-b:/);
      const third = await server.call(`PUT ${SECRETS}/${name}`, again.body);
      assert.equal(third.body.metadata.resourceVersion, again.body.metadata.resourceVersion);
    }
    await restart(rule('secrets', `{aescbc: ${keys('key-b')}}`));
    assert.deepEqual([await word('plain'), await word('old')], [CANARY, CANARY]);
  });

  it('does not start where something cannot be read', async () => {
    await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
    await server.call(`POST ${SECRETS}`, secret('one'));
    await assert.rejects(restart(rule('secrets', `{aesgcm: ${keys('key-b')}}`)), {
      message:
        'unable to transform key "/registry/secrets/default/one": no matching key was found for the provided AES transformer',
    });
    await assert.rejects(start(rule('secrets', '{identity: {}}')), {
      message: 'unable to transform key "/registry/secrets/default/one": no matching prefix found',
    });
  });

  it('refuses a rule that an earlier one hides', async () => {
    const config = rule('"*."', '{identity: {}}') + rule('secrets', '{identity: {}}');
    await assert.rejects(start(config), {
      message:
        'error while building transformers: resource "secrets" is masked by earlier rule "*."',
    });
  });

  it('counts what it does, and shows no key', async () => {
    await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
    await server.call(`POST ${SECRETS}`, secret('one'));
    const text = await metrics();
    assert.match(
      text,
      /apiserver_storage_transformation_operations_total\{resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:aesgcm:v1:"\} 1\n/,
    );
    assert.ok(!text.includes(secretOf('a')));
  });

  describe('that changes while the server runs', () => {
    it('is used at once', async () => {
      await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
      await server.call(`POST ${SECRETS}`, secret('one'));
      await change(rule('secrets', `{aesgcm: ${keys('key-b', 'key-a')}}`));
      await server.call(`POST ${SECRETS}`, secret('two'));
      assert.match(await stored('secrets/default/two'), /^k8s:enc:aesgcm:v1:key-b:/);
      assert.match(
        await metrics(),
        /encryption_config_controller_automatic_reloads_total\{[^}]*status="success"[^}]*\} 1\n/,
      );
      const { body } = await server.call(`GET ${SECRETS}/one`);
      await server.call(`PUT ${SECRETS}/one`, body);
      assert.match(await stored('secrets/default/one'), /^k8s:enc:aesgcm:v1:key-b:/);
    });

    it('stays as it was where the new one cannot be read', async () => {
      await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
      await change(rule('secrets'));
      await server.call(`POST ${SECRETS}`, secret('one'));
      assert.match(await stored('secrets/default/one'), /^k8s:enc:aesgcm:v1:key-a:/);
      assert.match(
        await metrics(),
        /encryption_config[^\n]*reloads_total\{[^}]*status="failure"[^}]*\} 1\n/,
      );
    });

    it('stays as it was while a new key service does not answer, and is tried again', async () => {
      await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
      keyService.isDown = true;
      await change(rule('secrets', KMS, `{aesgcm: ${keys('key-a')}}`));
      await environment.advance(90_000);
      await server.call(`POST ${SECRETS}`, secret('one'));
      assert.match(await stored('secrets/default/one'), /^k8s:enc:aesgcm:v1:key-a:/);
      assert.match(
        await metrics(),
        /encryption_config[^\n]*reloads_total\{[^}]*status="failure"[^}]*\} 2\n/,
      );
      keyService.isDown = false;
      await environment.advance(90_000);
      await server.call(`POST ${SECRETS}`, secret('two'));
      assert.match(await stored('secrets/default/two'), /^k8s:enc:kms:v2:vault:/);
    });

    it('is the last one that was wanted', async () => {
      await start(rule('secrets', `{aesgcm: ${keys('key-a')}}`));
      keyService.isDown = true;
      await change(rule('secrets', KMS, `{aesgcm: ${keys('key-a')}}`));
      await environment.advance(20_000);
      await change(rule('secrets', `{aesgcm: ${keys('key-b', 'key-a')}}`));
      keyService.isDown = false;
      await environment.advance(120_000);
      await server.call(`POST ${SECRETS}`, secret('one'));
      assert.match(await stored('secrets/default/one'), /^k8s:enc:aesgcm:v1:key-b:/);
    });
  });

  describe('by a key service', () => {
    it('asks once for one data key, however many objects there are', async () => {
      await start(rule('secrets', KMS));
      for (const name of ['a', 'b', 'c']) await server.call(`POST ${SECRETS}`, secret(name));
      assert.deepEqual(keyService.calls, ['Status', 'Encrypt']);
      assert.match(await stored('secrets/default/a'), /^k8s:enc:kms:v2:vault:/);
      keyService.calls.length = 0;
      await restart(rule('secrets', KMS));
      assert.deepEqual(
        [await word('a'), await word('b'), await word('c')],
        [CANARY, CANARY, CANARY],
      );
      assert.deepEqual(keyService.calls.toSorted(), ['Decrypt', 'Encrypt', 'Status']);
    });

    it('takes a new key when the service names one, and calls what is older stale', async () => {
      await start(rule('secrets', KMS));
      await server.call(`POST ${SECRETS}`, secret('one'));
      keyService.keyId = 'key-2';
      await environment.advance(60_000);
      await server.call(`POST ${SECRETS}`, secret('two'));
      assert.ok((await stored('secrets/default/one')).includes('key-1'));
      assert.ok((await stored('secrets/default/two')).includes('key-2'));
      const { body } = await server.call(`GET ${SECRETS}/one`);
      await server.call(`PUT ${SECRETS}/one`, body);
      assert.ok((await stored('secrets/default/one')).includes('key-2'));
      await restart(rule('secrets', KMS));
      assert.deepEqual([await word('one'), await word('two')], [CANARY, CANARY]);
    });

    it('writes for three minutes without the service, reads as long as it runs, and says so', async () => {
      await start(rule('secrets', KMS));
      await server.call(`POST ${SECRETS}`, secret('one'));
      keyService.isDown = true;
      await environment.advance(120_000);
      assert.equal((await server.call(`POST ${SECRETS}`, secret('two'))).status, 201);
      const sick = await server.call('GET /readyz');
      assert.equal(sick.status, 500);
      assert.match(String(sick.body), /\[-\]kms-providers failed/);
      assert.equal((await server.call('GET /livez')).status, 200);
      await environment.advance(61_000);
      const late = await server.call(`POST ${SECRETS}`, secret('three'));
      assert.equal(late.status, 500);
      assert.match(
        late.body.message,
        /^Internal error occurred: unable to transform key "\/registry\/secrets\/default\/three": encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at /,
      );
      assert.equal(await word('one'), CANARY);
      keyService.isDown = false;
      await environment.advance(10_000);
      assert.equal((await server.call(`POST ${SECRETS}`, secret('three'))).status, 201);
      assert.equal((await server.call('GET /readyz')).status, 200);
    });

    it('waits for the service at the start, and answers how it is meanwhile', async () => {
      await start(rule('secrets', KMS));
      await server.call(`POST ${SECRETS}`, secret('one'));
      await environment.resolve(server.server.stop());
      keyService.isDown = true;
      let isUp = false;
      const next = new TestApiServer({
        environment,
        store,
        encryption: { config, keyService: () => keyService.channel() },
      });
      void next.server.start().then(() => {
        isUp = true;
      });
      await environment.advance(60_000);
      assert.equal(isUp, false);
      assert.match(String((await next.call('GET /readyz')).body), /\[-\]kms-providers failed/);
      keyService.isDown = false;
      await environment.advance(10_000);
      assert.equal(isUp, true);
      server = next;
      assert.equal(await word('one'), CANARY);
    });

    for (const [name, spoil, why] of [
      ['says that it is not well', { healthz: 'tired' }, 'got unexpected healthz status: tired'],
      ['speaks another version', { version: 'v3' }, 'expected KMSv2 API version v2, got v3'],
      ['names no key', { keyId: '' }, 'got invalid KMSv2 KeyID hash "": keyID is empty'],
      [
        'encrypts with another key than it names',
        { keyId: 'key-2', encryptsWith: 'key-3' },
        'failed to rotate DEK, statusKeyIDHash="sha256:',
      ],
      [
        'says too much',
        { keyId: 'key-2', annotations: { 'long.example.com': new Uint8Array(33_000) } },
        'total size of annotations is 33038, which exceeds the max size of 32768',
      ],
      [
        'says something under no name',
        { keyId: 'key-2', annotations: { plain: new Uint8Array(1) } },
        'failed to validate annotations: annotations: Invalid value: "plain"',
      ],
    ] as const)
      it(`is not believed where it ${name}`, async () => {
        await start(rule('secrets', KMS));
        Object.assign(keyService, spoil);
        await environment.advance(60_000);
        const { body } = await server.call('GET /readyz/kms-providers');
        assert.ok(String(body).includes(why), String(body));
      });

    it('counts the data keys that are made: one for each key of the service', async () => {
      const made = /\napiserver_storage_data_key_generation_duration_seconds_count (\d+)\n/;
      await start(rule('secrets', KMS));
      await server.call(`POST ${SECRETS}`, secret('one'));
      assert.equal(made.exec(await metrics())?.[1], '1');
      await environment.advance(120_000);
      assert.equal(made.exec(await metrics())?.[1], '1');
      keyService.keyId = 'key-2';
      await environment.advance(60_000);
      assert.equal(made.exec(await metrics())?.[1], '2');
    });

    it('tells keys by their hash alone', async () => {
      keyService.keyId = 'a-name-to-hide';
      await start(rule('secrets', KMS));
      await server.call(`POST ${SECRETS}`, secret('one'));
      const text = await metrics();
      assert.match(
        text,
        /apiserver_envelope_encryption_key_id_hash_total\{[^}]*"to_storage"\} 1\n/,
      );
      assert.match(
        text,
        /kms_operations_latency_seconds_count\{grpc_status_code="OK",method_name="\/v2.KeyManagementService\/Encrypt",provider_name="vault"\} 1\n/,
      );
      assert.ok(!text.includes('a-name-to-hide'));
    });
  });
});
