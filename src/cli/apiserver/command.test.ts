import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { openPki } from '../pki.ts';
import { startApiServer } from './command.ts';
import { parseFlags } from '../flags.ts';
import { API_SERVER } from './flags.ts';
import { freePort } from './test-kit.ts';

test('cox apiserver serves over TLS with the files that its flags name, and starts again on its data', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-apiserver-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const pki = join(folder, 'pki');
  const { authority, admin } = openPki({
    folder: pki,
    nowMs: Date.now(),
    serverAddresses: ['127.0.0.1'],
    serverNames: ['localhost'],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
  const port = await freePort();
  const flags = parseFlags(API_SERVER, [
    `--data-dir=${folder}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--advertise-address=192.0.2.2',
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${pki}/sa.key`,
    `--service-account-key-file=${pki}/sa.key`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--runtime-config=networking.k8s.io/v1beta1=true',
    '--goaway-chance=0.02',
  ]);
  const client = httpClient({
    host: '127.0.0.1',
    port,
    tls: { ca: authority.certificate, cert: admin.certificate, key: admin.key },
  });
  t.after(() => client.close());
  const get = async (url: string): Promise<string> => {
    const { status, body } = await client.handler({ method: 'GET', url, headers: {} });
    return `${status} ${Buffer.from(await readBody(body)).toString()}`;
  };
  for (const round of ['first', 'second']) {
    const stop = await startApiServer(flags);
    try {
      assert.match(await get('/readyz'), /^200 ok/, round);
      assert.match(await get('/apis/networking.k8s.io/v1beta1/servicecidrs'), /"10\.96\.0\.0\/16"/);
      assert.match(await get('/api/v1/namespaces/default/endpoints/kubernetes'), /192\.0\.2\.2/);
      assert.match(await get('/flagz'), /secure-port: \d+/);
    } finally {
      await stop();
    }
  }
});
