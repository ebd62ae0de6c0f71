/** The DNS as a process of its own, asked by a resolver that is not ours; and what it refuses. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SERVICE } from '#api/core/service.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { freePort, testServer } from '../component/test-server.ts';
import { parseFlags } from '../flags.ts';
import { inClusterAccess } from '../kube-client.ts';
import { UserError } from '../user-error.ts';
import { dnsProcess } from './command.ts';
import { DNS } from './flags.ts';

test('cox dns answers names of the cluster, and its pages say so, until it is told to end', async (t) => {
  const server = await testServer(t);
  await server.client.create(SERVICE, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] },
  });
  const [dnsPort, readyPort] = [await freePort(), await freePort()];
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const flags = parseFlags(DNS, [
    `--kubeconfig=${server.kubeconfig('admin', server.pki.admin)}`,
    '--bind-address=127.0.0.1',
    `--dns-port=${dnsPort}`,
    '--cluster-dns=10.96.0.10',
    '--metrics-port=0',
    '--health-port=0',
    `--ready-port=${readyPort}`,
  ]);
  const working = dnsProcess(flags, stopping.signal);
  const http = httpClient({ host: '127.0.0.1', port: readyPort });
  t.after(() => http.close());
  const page = async (): Promise<string> => {
    const signal = AbortSignal.timeout(30_000);
    for (;;) {
      signal.throwIfAborted();
      try {
        const answer = await http.handler({ method: 'GET', url: '/ready', headers: {}, signal });
        const body = await readBody(answer.body, 1_000);
        if (answer.status === 200) return Buffer.from(body).toString();
      } catch {
        // It does not listen yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  assert.equal(await page(), 'OK');
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${dnsPort}`]);
  assert.deepEqual(await resolver.resolve4('web.default.svc.cluster.local'), ['10.96.0.77']);
  assert.deepEqual(await resolver.resolve4('ns.dns.cluster.local'), ['10.96.0.10']);
  await assert.rejects(resolver.resolve4('none.default.svc.cluster.local'), { code: 'ENOTFOUND' });
  stopping.abort();
  await working;
  await assert.rejects(resolver.resolve4('web.default.svc.cluster.local'));
});

test('cox dns says what is wrong with its flags', async () => {
  const refused = (args: string[], message: RegExp): Promise<void> =>
    assert.rejects(
      dnsProcess(parseFlags(DNS, args), new AbortController().signal),
      (error: unknown) => error instanceof UserError && message.test(error.message),
    );
  await refused(['--bind-address=here'], /--bind-address: here is no address/);
  await refused(['--cluster-dns=there'], /--cluster-dns: there is no address/);
  await refused(['--own-ranges=10.0.0.0'], /--own-ranges: 10\.0\.0\.0 is no range/);
  await refused([], /name a kubeconfig with --kubeconfig, or run in a pod/);
  assert.throws(() => parseFlags(DNS, ['-conf=/etc/Corefile']), /cluster-dns/);
});

test('a pod finds its API server, and reads its token again', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-dns-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'ca.crt'), 'the authority');
  writeFileSync(join(folder, 'token'), 'first\n');
  t.mock.timers.enable({ apis: ['Date'] });
  const { connection, tls, token } = inClusterAccess(
    { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' },
    folder,
  );
  assert.deepEqual([connection.host, connection.port, connection.tls], ['10.96.0.1', 443, true]);
  assert.equal(tls.ca, 'the authority');
  assert.equal(token?.(), 'first');
  writeFileSync(join(folder, 'token'), 'second\n');
  t.mock.timers.tick(59_000);
  assert.equal(token?.(), 'first');
  t.mock.timers.tick(1_000);
  assert.equal(token?.(), 'second');
  rmSync(join(folder, 'token'));
  t.mock.timers.tick(60_000);
  assert.equal(token?.(), 'second');
});
