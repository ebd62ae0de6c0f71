import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { AdmissionPlugin } from '../admission.ts';
import type { Pod, ServiceAccount } from '#api/gen/core-v1.ts';
import { SERVICE_ACCOUNTS } from '../targets.ts';
import { serviceAccount } from './service-account.ts';

const account = (
  name: string,
  more: Partial<ServiceAccount> = {},
  annotations: Record<string, string> = {},
): object => ({
  metadata: { name, namespace: 'default', annotations },
  ...more,
});
const newPod = (spec: Partial<Pod['spec']> = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }], ...spec },
});

let bench: AdmissionBench;
let plugin: AdmissionPlugin;
const run = (pod: Pod): Promise<string> => bench.run(plugin, { plural: 'pods', object: pod });

beforeEach(() => {
  bench = new AdmissionBench();
  plugin = serviceAccount(bench.services);
  bench.reader.put(SERVICE_ACCOUNTS, account('default'));
});

describe('ServiceAccount', () => {
  it('gives a pod the default account', async () => {
    const pod = newPod();
    assert.equal(await run(pod), 'admitted');
    assert.deepEqual(
      [pod.spec!.serviceAccountName, pod.spec!.serviceAccount],
      ['default', 'default'],
    );
  });

  it('mounts a projected token into every container', async () => {
    const pod = newPod();
    await run(pod);
    const [volume] = pod.spec!.volumes!;
    assert.match(volume!.name, /^kube-api-access-[a-z0-9]{5}$/);
    assert.deepEqual(volume!.projected, {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
    });
    const mount = {
      name: volume!.name,
      readOnly: true,
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    };
    const mounts = [...pod.spec!.containers, ...pod.spec!.initContainers!].map(
      ({ volumeMounts }) => volumeMounts,
    );
    assert.deepEqual(mounts, [[mount], [mount], [mount]]);
  });

  it('leaves a container alone that mounts something there', async () => {
    const own = [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }];
    const pod = newPod({ containers: [{ name: 'a', volumeMounts: own }], initContainers: [] });
    await run(pod);
    assert.deepEqual([pod.spec!.volumes, pod.spec!.containers[0]!.volumeMounts], [undefined, own]);
  });

  it('uses the token volume that is there already', async () => {
    const pod = newPod({ volumes: [{ name: 'kube-api-access-mine1' }] });
    await run(pod);
    assert.equal(pod.spec!.volumes!.length, 1);
    assert.equal(pod.spec!.containers[0]!.volumeMounts![0]!.name, 'kube-api-access-mine1');
  });

  it('mounts nothing when the pod, or else its account, does not want it', async () => {
    bench.reader.put(SERVICE_ACCOUNTS, account('quiet', { automountServiceAccountToken: false }));
    const rows: [Partial<Pod['spec']>, mounted: boolean][] = [
      [{ automountServiceAccountToken: false }, false],
      [{ serviceAccountName: 'quiet' }, false],
      [{ serviceAccountName: 'quiet', automountServiceAccountToken: true }, true],
    ];
    for (const [spec, mounted] of rows) {
      const pod = newPod(spec);
      await run(pod);
      assert.equal(pod.spec!.volumes !== undefined, mounted);
    }
  });

  it('takes pull secrets from the account unless the pod has its own', async () => {
    bench.reader.put(SERVICE_ACCOUNTS, account('default', { imagePullSecrets: [{ name: 'hub' }] }));
    const [without, own] = [newPod(), newPod({ imagePullSecrets: [{ name: 'mine' }] })];
    await run(without);
    await run(own);
    assert.deepEqual(
      [without.spec!.imagePullSecrets, own.spec!.imagePullSecrets],
      [[{ name: 'hub' }], [{ name: 'mine' }]],
    );
  });

  it('refuses a pod whose account does not exist', async () => {
    assert.equal(
      await run(newPod({ serviceAccountName: 'nobody' })),
      '403 pods "web" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
    );
  });

  it('waits for the default account of a new namespace, but not for ever', async () => {
    bench.reader.remove(SERVICE_ACCOUNTS, 'default', 'default');
    const waiting = run(newPod());
    await bench.environment.advance(100);
    bench.reader.put(SERVICE_ACCOUNTS, account('default'));
    bench.changed();
    assert.equal(await waiting, 'admitted');
    bench.reader.remove(SERVICE_ACCOUNTS, 'default', 'default');
    const inVain = run(newPod());
    await bench.environment.advance(1_500);
    assert.match(await inVain, /serviceaccount "default" not found$/);
  });

  it('leaves mirror pods as they are and refuses those with secrets', async () => {
    const metadata = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
    const pod = newPod({}, metadata);
    assert.equal(await run(pod), 'admitted');
    assert.equal(pod.spec!.serviceAccountName, undefined);
    const withSecret = newPod({ volumes: [{ name: 's', secret: { secretName: 's' } }] }, metadata);
    assert.equal(
      await run(withSecret),
      '403 pods "web" is forbidden: a mirror pod may not reference secrets',
    );
    const withToken = newPod(
      {
        volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
      },
      metadata,
    );
    assert.match(await run(withToken), /may not use ServiceAccountToken volume projections$/);
    assert.match(
      await run(newPod({ serviceAccountName: 'default' }, metadata)),
      /may not reference service accounts$/,
    );
  });

  it('refuses secrets that an account which says so does not list', async () => {
    const strict = account(
      'strict',
      { secrets: [{ name: 'ok' }] },
      { 'kubernetes.io/enforce-mountable-secrets': 'true' },
    );
    bench.reader.put(SERVICE_ACCOUNTS, strict);
    const pod = (secretName: string): Pod =>
      newPod({ serviceAccountName: 'strict', volumes: [{ name: 'v', secret: { secretName } }] });
    assert.equal(await run(pod('ok')), 'admitted');
    assert.match(
      await run(pod('other')),
      /volume with secret.secretName="other" is not allowed because service account strict does not reference that secret$/,
    );
    const env = [{ name: 'E', valueFrom: { secretKeyRef: { name: 'other', key: 'k' } } }];
    assert.match(
      await run(newPod({ serviceAccountName: 'strict', containers: [{ name: 'a', env }] })),
      /: container a with envVar E referencing secret.secretName="other" is not allowed/,
    );
  });
});
