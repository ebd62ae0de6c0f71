/** The scheduler as a process of its own, against an API server over TLS; and a second one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { RestClient } from '#client/rest.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { freePort, testServer } from '../component/test-server.ts';
import { parseFlags } from '../flags.ts';
import { schedulerProcess } from './command.ts';
import { SCHEDULER } from './flags.ts';

/** Resolves with the name of the node that the pod gets. */
async function scheduled(client: RestClient, name: string): Promise<string> {
  const metadata = { name, namespace: 'default' };
  await client.create(POD, { metadata, spec: { containers: [{ name: 'a', image: 'a' }] } });
  const bound = Promise.withResolvers<string>();
  const stop = new AbortController();
  const watching = client.watch(
    POD,
    {
      namespace: 'default',
      fieldSelector: `metadata.name=${name}`,
      sendInitialEvents: true,
      allowBookmarks: true,
      signal: stop.signal,
    },
    ({ object }) => {
      if (object.spec?.nodeName !== undefined) bound.resolve(object.spec.nodeName);
    },
  );
  const node = await bound.promise;
  stop.abort();
  await watching;
  return node;
}

test('cox scheduler gives pods nodes while it leads, and another goes on when it stops', async (t) => {
  const server = await testServer(t);
  const { client, pki } = server;
  const kubeconfig = server.kubeconfig('scheduler', pki.scheduler);
  await client.create(SERVICE_ACCOUNT, { metadata: { name: 'default', namespace: 'default' } });
  const { metadata } = await client.create(NODE, { metadata: { name: 'n1' } });
  await client.update(
    NODE,
    {
      metadata: metadata ?? {},
      status: { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } },
    },
    'status',
  );
  const node = await client.get(NODE, 'n1');
  await client.update(NODE, { ...node, spec: { ...node.spec, taints: [] } });
  const port = await freePort();
  const start = (...more: string[]) => {
    const stopping = new AbortController();
    const flags = parseFlags(SCHEDULER, [`--kubeconfig=${kubeconfig}`, ...more]);
    const work = schedulerProcess(flags, stopping.signal);
    return {
      async stop() {
        stopping.abort();
        await work;
      },
    };
  };
  const quick = '--leader-elect-retry-period=100ms';
  const first = start('--bind-address=127.0.0.1', `--secure-port=${port}`, quick);
  assert.equal(await scheduled(client, 'a'), 'n1');
  const http = httpClient({ host: '127.0.0.1', port, tls: { insecureSkipVerify: true } });
  const { status, body } = await http.handler({ method: 'GET', url: '/readyz', headers: {} });
  assert.equal(`${status} ${Buffer.from(await readBody(body)).toString()}`, '200 ok');
  http.close();

  const second = start('--secure-port=0', quick);
  await first.stop();
  assert.equal(await scheduled(client, 'b'), 'n1');
  await second.stop();
});
