/** A kubelet gets its client certificate from a control plane in process. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { JOIN_TOKEN, JoinWorld } from '#kit/join-world.ts';
import type { CertificatePair } from '#kubelet/bootstrap/key-pair.ts';
import { readAccess } from '../kube-client.ts';
import { createKey, keepClientCertificate, storedCertificate } from '../node-certificates.ts';
import { keyText } from '#kubelet/bootstrap/key-pair.ts';
import { UserError } from '../user-error.ts';
import { bootstrapClient, type BootstrapOptions } from './client-certificate.ts';

const DAY_MS = 24 * 60 * 60_000;
const SERVER = 'https://192.0.2.10:6443/behind';

describe('TLS bootstrap of cox kubelet', () => {
  let world: JoinWorld;
  let folder: string;
  let paths: { kubeconfig: string; bootstrap: string; certificates: string };
  const closed: string[] = [];
  before(async () => {
    world = await JoinWorld.start();
  });
  after(() => world.stop());
  beforeEach((t) => {
    folder = mkdtempSync(join(tmpdir(), 'cox-bootstrap-'));
    const made = folder;
    if ('after' in t) t.after(() => rmSync(made, { recursive: true, force: true }));
    paths = {
      kubeconfig: join(folder, 'etc', 'kubelet.conf'),
      bootstrap: join(folder, 'bootstrap.conf'),
      certificates: join(folder, 'pki'),
    };
    writeBootstrap({ token: JOIN_TOKEN });
    closed.length = 0;
  });

  function writeBootstrap(user: object): void {
    const authority = Buffer.from(world.authority.certificate).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: SERVER,
            'certificate-authority-data': authority,
            'tls-server-name': 'kubernetes',
          },
        },
      ],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(paths.bootstrap, JSON.stringify(config));
  }
  const bootstrap = (nodeName: string, over: Partial<BootstrapOptions> = {}): Promise<void> =>
    world.run(
      bootstrapClient({
        environment: world.environment,
        signal: new AbortController().signal,
        kubeconfig: paths.kubeconfig,
        bootstrapKubeconfig: paths.bootstrap,
        folder: paths.certificates,
        nodeName,
        connect: ({ connection }) => ({
          handler: world.socket,
          close: () => closed.push(`${connection.host}:${connection.port}`),
        }),
        ...over,
      }),
    );
  const subject = (): string =>
    new X509Certificate(readAccess(paths.kubeconfig).tls.cert ?? '').subject;

  it('writes a kubeconfig whose certificate lies where the next ones will', async () => {
    await bootstrap('one');
    assert.match(subject(), /O=system:nodes\nCN=system:node:one/);
    const { connection, tls } = readAccess(paths.kubeconfig);
    const { host, port, basePath, serverName } = connection;
    assert.deepEqual(
      { host, port, basePath, serverName },
      { host: '192.0.2.10', port: 6443, basePath: '/behind', serverName: 'kubernetes' },
    );
    assert.equal(tls.ca, world.authority.certificate);
    const current = join(paths.certificates, 'kubelet-client-current.pem');
    assert.equal(connection.certFile, current);
    assert.equal(connection.keyFile, current);
    assert.equal(connection.token, undefined);
    const isOwn = createPublicKey(createPrivateKey(tls.key ?? '')).equals(
      new X509Certificate(tls.cert ?? '').publicKey,
    );
    assert.ok(isOwn);
    assert.equal(statSync(paths.kubeconfig).mode & 0o777, 0o600);
    assert.ok(!readdirSync(paths.certificates).includes('kubelet-client.key.tmp'));
    assert.deepEqual(closed, ['192.0.2.10:6443']);
  });

  it('leaves a kubeconfig alone that can be used, and no other', async () => {
    await bootstrap('two');
    rmSync(paths.bootstrap);
    await bootstrap('other');
    assert.match(subject(), /CN=system:node:two/);
    writeBootstrap({ token: JOIN_TOKEN });
    const lifeMs = 400 * DAY_MS;
    const later = {
      clock: { now: () => world.environment.clock.now() + lifeMs, monotonicMs: () => 0 },
      timers: world.environment.timers,
      random: world.environment.random,
      log: world.environment.log,
    };
    await bootstrap('after', { environment: later });
    assert.match(subject(), /CN=system:node:after/);
    for (const text of ['{', readText({ token: 'a.b' })]) {
      writeFileSync(paths.kubeconfig, text);
      await bootstrap('again');
      assert.match(subject(), /CN=system:node:again/);
    }
  });

  function readText(user: object): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: SERVER } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  it('goes on with the key of before, and its request', async () => {
    const keys = createKey();
    const path = join(paths.certificates, 'kubelet-client.key.tmp');
    mkdirSync(paths.certificates);
    writeFileSync(path, keyText(keys.privateKey));
    await bootstrap('kept');
    const { publicKey } = new X509Certificate(readAccess(paths.kubeconfig).tls.cert ?? '');
    assert.ok(publicKey.equals(keys.publicKey));
    rmSync(paths.kubeconfig);
    mkdirSync(paths.certificates, { recursive: true });
    writeFileSync(path, 'half a ke');
    await bootstrap('anew');
    assert.match(subject(), /CN=system:node:anew/);
  });

  it('says why it cannot', async () => {
    writeBootstrap({ token: 'abcdef.fedcba9876543210' });
    await assert.rejects(bootstrap('no'), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /failed to run Kubelet: cannot get a client certificate with .*bootstrap.conf: .*Unauthorized/,
      );
      return true;
    });
    assert.ok(!existsSync(paths.kubeconfig));
    assert.ok(existsSync(join(paths.certificates, 'kubelet-client.key.tmp')));
    assert.equal(closed.length, 1);
    rmSync(paths.bootstrap);
    await assert.rejects(bootstrap('no'), /Cannot read .*bootstrap.conf/);
  });

  it('is followed by others: each is used, and found at the next start', async () => {
    const { environment } = world;
    const stop = new AbortController();
    const folderOf = paths.certificates;
    const { promise: used, resolve } = Promise.withResolvers<CertificatePair>();
    // There is none: it is due at once.
    keepClientCertificate('rotates', {
      environment,
      signal: stop.signal,
      folder: folderOf,
      client: world.admin,
      onCertificate: resolve,
    });
    const { certificate } = await world.run(used);
    stop.abort();
    assert.match(new X509Certificate(certificate).subject, /CN=system:node:rotates/);
    const now = environment.clock.now();
    const at = (name: 'kubelet-client' | 'kubelet-server', ms: number) =>
      storedCertificate(folderOf, name, ms)?.certificate;
    assert.equal(at('kubelet-client', now), certificate);
    assert.equal(at('kubelet-client', now + 400 * DAY_MS), undefined);
    assert.equal(at('kubelet-server', now), undefined);
  });
});
