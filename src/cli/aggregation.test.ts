/** The aggregation layer over real sockets: two servers, two authorities, TLS between them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import { readBody } from '#base/http/message.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { ExtensionServer, GROUP, GROUP_PATH } from '#kit/extension-server.ts';
import { testServerOptions } from '#kit/server-options.ts';
import { MemoryStore } from '#store/memory.ts';
import { backendConnector } from './backend-connector.ts';
import { type ClusterPki, openPki } from './pki.ts';

const FLUNDERS = `${GROUP_PATH}/namespaces/default/flunders`;
const APISERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const ADMIN = { name: 'admin', groups: ['system:masters'] };
const EVENTUALLY_MS = 10_000;

let folder: string;
let pki: ClusterPki;
let server: ApiServer;
let front: RunningHttpServer;
let extensionServer: RunningHttpServer;
const extension = new ExtensionServer();

/** Of what an answer holds, what is looked at. */
interface Answer {
  readonly status?: {
    readonly conditions?: readonly { status: string; reason: string; message: string }[];
  };
}

async function call(request: string, body?: object): Promise<Answer> {
  const [method = '', url = ''] = request.split(' ');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const response = await server.handler({
    method,
    url,
    headers: { 'content-type': type, accept: 'application/json' },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    peer: { component: ADMIN },
  });
  const text = Buffer.from(await readBody(response.body)).toString();
  if (response.status >= 300) throw new Error(`${request}: ${response.status} ${text}`);
  return JSON.parse(text) as Answer;
}

/** The condition Available once it is `status` for `reason`. */
async function untilAvailable(name: string, wanted: RegExp): Promise<void> {
  const deadline = Date.now() + EVENTUALLY_MS;
  for (;;) {
    const { status } = await call(`GET ${APISERVICES}/${name}`);
    const [condition] = status?.conditions ?? [];
    const said = `${condition?.status} ${condition?.reason} ${condition?.message}`;
    if (wanted.test(said)) return;
    assert.ok(Date.now() < deadline, `${name} is ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function register(version: string, over: object): Promise<unknown> {
  return call(`POST ${APISERVICES}`, {
    metadata: { name: `${version}.${GROUP}` },
    spec: {
      group: GROUP,
      version,
      groupPriorityMinimum: 1000,
      versionPriority: 15,
      service: { namespace: 'default', name: 'api' },
      ...over,
    },
  });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coxswain-aggregation-'));
  pki = openPki({
    folder,
    nowMs: Date.now(),
    serverAddresses: ['127.0.0.1'],
    serverNames: ['localhost'],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
  const serving = pki.leaf({
    file: 'extension',
    subject: { commonName: 'extension' },
    uses: ['server'],
    dnsNames: ['api.default.svc'],
  });
  extensionServer = await serveHttp({
    handler: extension.handler,
    tls: {
      cert: serving.certificate,
      key: serving.key,
      clientCa: pki.authority.certificate,
      frontProxyCa: pki.frontProxyAuthority.certificate,
    },
  });
  const environment = realEnvironment();
  const connector = backendConnector();
  server = createApiServer({
    ...testServerOptions(pki.serviceAccountKey),
    environment,
    store: new MemoryStore(environment),
    clientCa: pki.authority.certificate,
    frontProxy: { ...pki.frontProxyClient, authority: pki.frontProxyAuthority.certificate },
    // The endpoint's address is at no interface of this machine.
    backends: {
      to: (backend) => connector.to({ ...backend, host: '127.0.0.1', port: extensionServer.port }),
    },
  });
  await server.start();
  front = await serveHttp({
    handler: server.handler,
    streamsBody: (request) => server.streamsBody(request),
    tls: {
      cert: pki.apiServer.certificate,
      key: pki.apiServer.key,
      clientCa: pki.authority.certificate,
      frontProxyCa: pki.frontProxyAuthority.certificate,
    },
  });
  await call('POST /api/v1/namespaces/default/services', {
    metadata: { name: 'api' },
    spec: { ports: [{ port: 443 }] },
  });
  await call('POST /apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name: 'api-1', labels: { 'kubernetes.io/service-name': 'api' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.0.7'] }],
    ports: [{ name: '', port: 8443 }],
  });
});

after(async () => {
  await server.stop();
  await Promise.all([front.close(), extensionServer.close()]);
  rmSync(folder, { recursive: true });
});

const open = (options: object): ReturnType<typeof httpsRequest> =>
  httpsRequest({
    host: '127.0.0.1',
    port: front.port,
    agent: false,
    ca: pki.authority.certificate,
    cert: pki.admin.certificate,
    key: pki.admin.key,
    ...options,
  });

describe('an extension API server over TLS', () => {
  it('is refused when its certificate is of another authority', async () => {
    await register('v1alpha1', { caBundle: base64(pki.frontProxyAuthority.certificate) });
    await untilAvailable(
      `v1alpha1.${GROUP}`,
      /^False FailedDiscoveryCheck .*(signature|issuer|verify|self.signed)/,
    );
  });

  it('is believed by the caBundle and the name of its Service, and believes us', async () => {
    const caBundle = base64(pki.authority.certificate);
    await call(`PATCH ${APISERVICES}/v1alpha1.${GROUP}`, { spec: { caBundle } });
    await untilAvailable(`v1alpha1.${GROUP}`, /^True Passed/);
    assert.deepEqual(extension.asked.at(-1)?.user, {
      name: 'system:kube-aggregator',
      groups: ['system:masters'],
    });
  });

  it('is believed without an authority where nobody is to look', async () => {
    await call(`PATCH ${APISERVICES}/v1alpha1.${GROUP}`, {
      spec: { caBundle: base64(pki.frontProxyAuthority.certificate) },
    });
    await untilAvailable(`v1alpha1.${GROUP}`, /^False FailedDiscoveryCheck/);
    await call(`PATCH ${APISERVICES}/v1alpha1.${GROUP}`, {
      spec: { caBundle: null, insecureSkipTLSVerify: true },
    });
    await untilAvailable(`v1alpha1.${GROUP}`, /^True Passed/);
  });

  it('answers a client by name: writes, and a watch as it goes', async () => {
    const watch = open({ path: `${FLUNDERS}?watch=true` });
    watch.end();
    const [events] = (await once(watch, 'response')) as [IncomingMessage];
    const event = once(events, 'data');
    const write = open({ method: 'POST', path: FLUNDERS, headers: { 'content-length': 2 } });
    write.end('{}');
    const [written] = (await once(write, 'response')) as [IncomingMessage];
    written.resume();
    assert.equal(written.statusCode, 201);
    assert.equal(String((await event)[0]), '{"type":"ADDED","object":{}}\n');
    const { extra = {}, ...user } = extension.asked.at(-1)?.user ?? { name: '', groups: [] };
    assert.deepEqual(user, {
      name: 'kubernetes-admin',
      groups: ['system:masters', 'system:authenticated'],
    });
    const [credential] = extra['authentication.kubernetes.io/credential-id'] ?? [];
    assert.match(credential ?? '', /^X509SHA256=[0-9a-f]{64}$/);
    watch.destroy();
  });

  it('joins an upgraded connection', async () => {
    const request = open({
      path: `${FLUNDERS}/a/shell`,
      headers: { connection: 'Upgrade', upgrade: 'shell' },
    });
    request.end();
    const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];
    socket.write('ping');
    assert.equal(String((await once(socket, 'data'))[0]), 'ping');
    socket.destroy();
  });
});

describe('our own server behind a front proxy', () => {
  const list = async (identity: { certificate: string; key: string }): Promise<number> => {
    const request = open({
      path: '/api/v1/namespaces',
      cert: identity.certificate,
      key: identity.key,
      headers: { 'x-remote-user': 'jane', 'x-remote-group': ['system:masters', 'a, b'] },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode ?? 0;
  };

  it('believes the certificate of the front proxy, and no other', async () => {
    assert.equal(await list(pki.frontProxyClient), 200);
    assert.equal(await list(pki.proxy), 403);
  });
});
