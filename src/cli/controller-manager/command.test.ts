/** The controllers as a process of their own, against an API server over TLS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { LEASE } from '#api/coordination/lease.ts';
import { EVENT } from '#api/core/event.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { freePort, testServer } from '../component/test-server.ts';
import { parseFlags } from '../flags.ts';
import { controllerManager } from './command.ts';
import { CONTROLLER_MANAGER } from './flags.ts';

const NAMESPACE = 'default';

function web() {
  const labels = { app: 'web' };
  return {
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'a', image: 'a' }] },
      },
    },
  };
}

test('cox controller-manager leads, works as its service accounts, and tells of itself', async (t) => {
  const server = await testServer(t);
  const { client, pki } = server;
  const kubeconfig = server.kubeconfig('manager', pki.controllerManager);
  const port = await freePort();
  const stopping = new AbortController();
  const work = controllerManager(
    parseFlags(CONTROLLER_MANAGER, [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--use-service-account-credentials',
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--root-ca-file=${server.folder}/pki/ca.crt`,
      '--controllers=*,-endpoint',
    ]),
    stopping.signal,
  );
  const made = Promise.withResolvers<void>();
  const watching = client.watch(
    REPLICA_SET,
    {
      namespace: NAMESPACE,
      sendInitialEvents: true,
      allowBookmarks: true,
      signal: stopping.signal,
    },
    ({ type }) => {
      if (type === 'ADDED') made.resolve();
    },
  );
  await client.create(DEPLOYMENT, web());
  await Promise.race([made.promise, work]);

  const sets = await client.list(REPLICA_SET, { namespace: NAMESPACE });
  assert.equal(sets.items[0]?.spec?.replicas, 2);
  const lease = await client.get(LEASE, 'kube-controller-manager', 'kube-system');
  assert.match(lease.spec?.holderIdentity ?? '', /_[0-9a-f-]{36}$/);
  // Made under the account of its own, as the fields say.
  const account = await client.get(SERVICE_ACCOUNT, 'deployment-controller', 'kube-system');
  assert.ok(account.metadata?.uid);
  const [manager] = sets.items[0]?.metadata?.managedFields ?? [];
  assert.equal(manager?.manager, 'kube-controller-manager');

  const page = async (url: string, token?: string, tls: object = {}): Promise<string> => {
    const http = httpClient({ host: '127.0.0.1', port, tls: { insecureSkipVerify: true, ...tls } });
    try {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { status, body } = await http.handler({ method: 'GET', url, headers });
      return `${status} ${Buffer.from(await readBody(body)).toString()}`;
    } finally {
      http.close();
    }
  };
  assert.equal(await page('/healthz'), '200 ok');
  assert.match(await page('/healthz?verbose'), /\[\+\]deployment-controller ok\n/);
  assert.match(
    await page('/metrics'),
    /^403 .*User \\"system:anonymous\\" cannot get path \\"\/metrics\\"/,
  );
  const admin = { cert: pki.admin.certificate, key: pki.admin.key };
  assert.match(
    await page('/metrics', undefined, admin),
    /leader_election_master_status\{name="kube-controller-manager"\} 1\n[^]*workqueue_adds_total\{name="deployment"\} [1-9]/,
  );
  const metrics = await page('/metrics', undefined, admin);
  const shown = [
    `rest_client_requests_total{code="200",method="GET",host="127.0.0.1:${server.port}"} [1-9]`,
    `rest_client_request_duration_seconds_count{verb="PUT",host="127.0.0.1:${server.port}"} [1-9]`,
    'cronjob_controller_job_creation_skew_duration_seconds_count 0',
    'kubernetes_feature_enabled{name="MaxUnavailableStatefulSet",stage="[A-Z]*"} 0',
    'version_info{component="kube",binary="1.36",emulation="1.36",min_compat="1.35"} 1',
    'process_cpu_seconds_total \\d*\\.\\d+',
    'process_resident_memory_bytes \\d\\S+e\\+\\d\\d',
  ];
  for (const line of shown) assert.match(metrics, new RegExp(`^${line}`, 'm'));
  assert.match(
    await page('/metrics/slis', undefined, admin),
    /kubernetes_healthchecks_total\{name="deployment-controller",type="healthz",status="success"\} 2\n/,
  );
  assert.match(await page('/flagz', undefined, admin), /controllers: \*,-endpoint\n/);
  const { status } = await client.createSubresource<TokenRequest>(
    SERVICE_ACCOUNT,
    { name: 'deployment-controller', namespace: 'kube-system' },
    'token',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  );
  const token = status?.token ?? '';
  assert.match(await page('/metrics', token), /^403 .*deployment-controller/);
  assert.match(await page('/metrics', 'no.such.token'), /^401 /);
  assert.match(await page('/nothing', undefined, admin), /^404 /);

  stopping.abort();
  await work;
  await watching;
  const after = await client.get(LEASE, 'kube-controller-manager', 'kube-system');
  assert.equal(after.spec?.holderIdentity ?? '', '', 'it gave the lease up');
  const events = await client.list(EVENT, { namespace: 'kube-system' });
  assert.deepEqual(
    events.items.filter(({ type }) => type === 'Warning'),
    [],
  );
});
