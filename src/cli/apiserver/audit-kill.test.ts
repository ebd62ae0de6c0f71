/** A real API server that is killed right after an answer: its event is in the log. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { httpClient } from '#edge/http-client.ts';
import { readBody } from '#base/http/message.ts';
import { openPki } from '../pki.ts';
import { freePort } from './test-kit.ts';

const COX = join(import.meta.dirname, '..', '..', '..', 'bin', 'cox.ts');
const POLICY = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:apiserver]
- level: Request
  resources: [{group: "", resources: [configmaps]}]
`;

test('an event outlives a kill after its answer', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-audit-'));
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
  const policy = join(folder, 'policy.yaml');
  const log = join(folder, 'logs', 'audit.log');
  writeFileSync(policy, POLICY);
  const server = spawn(
    process.execPath,
    [
      COX,
      'apiserver',
      `--data-dir=${folder}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--client-ca-file=${pki}/ca.crt`,
      `--tls-cert-file=${pki}/apiserver.crt`,
      `--tls-private-key-file=${pki}/apiserver.key`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${pki}/sa.key`,
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${log}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.after(() => server.kill('SIGKILL'));
  const exited = once(server, 'exit');
  await new Promise<void>((resolve, reject) => {
    let said = '';
    server.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('API server is ready')) resolve();
    });
    server.once('exit', () => reject(new Error(`the API server has ended: ${said}`)));
  });
  const client = httpClient({
    host: '127.0.0.1',
    port,
    tls: { ca: authority.certificate, cert: admin.certificate, key: admin.key },
  });
  t.after(() => client.close());
  const create = async (name: string): Promise<number> => {
    const { status, body } = await client.handler({
      method: 'POST',
      url: '/api/v1/namespaces/default/configmaps',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ metadata: { name } })),
    });
    await readBody(body);
    return status;
  };
  const names = Array.from({ length: 20 }, (_, i) => `map-${i}`);
  const statuses = await Promise.all(names.map(create));
  server.kill('SIGKILL');
  await exited;
  assert.ok(statuses.every((status) => status === 201));
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  const written = lines.map(
    (line) => (JSON.parse(line) as { objectRef: { name: string } }).objectRef.name,
  );
  for (const name of names) assert.ok(written.includes(name), name);
  assert.equal(statSync(log).mode & 0o777, 0o600);
});
