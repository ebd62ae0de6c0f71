/** How each check is held: by the modes of files, by what a component reads, or by what it does. */
import assert from 'node:assert/strict';
import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { clusterServerOptions } from '#cli/cluster-server-options.ts';
import { componentPages } from '#cli/component/pages.ts';
import { readNode } from '#cli/node-config.ts';
import { nodeKubeletConfiguration } from '#cli/node-kubelet.ts';
import { openPki } from '#cli/pki.ts';
import { nodeProxyConfig } from '#cli/proxy/node-proxy.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { httpClient } from '#edge/http-client.ts';
import { textResponse } from '#apiserver/respond.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { nodeCertificates } from '#cli/pki.ts';
import { certificateRequest } from '#kit/certificate-request.ts';
import type { World } from './world.ts';

export type Check = (world: World) => void | Promise<void>;

const NAMESPACE = '/api/v1/namespaces/default';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const CSR = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const OTHERS = 0o077;

type Place = (world: World) => string;

const isPrivate =
  (...places: Place[]): Check =>
  (world) => {
    for (const stats of places.map((place) => statSync(place(world))))
      assert.equal(stats.mode & OTHERS, 0);
  };

const isOwn =
  (...places: Place[]): Check =>
  (world) => {
    for (const stats of places.map((place): Stats => statSync(place(world))))
      assert.deepEqual([stats.uid, stats.gid], [process.getuid?.(), process.getgid?.()]);
  };

const manifest =
  (name: string): Place =>
  ({ layout }) =>
    join(layout.staticPods, `${name}.yaml`);
const inPki =
  (name: string): Place =>
  ({ data }) =>
    join(data.pki, name);
const inNode =
  (name: string): Place =>
  ({ data }) =>
    join(data.node, name);

const API_SERVER = manifest('kube-apiserver');
const MANAGER = manifest('kube-controller-manager');
const SCHEDULER = manifest('kube-scheduler');
const ADMIN: Place = ({ data }) => data.kubeconfig;
const PKI: Place = ({ data }) => data.pki;
const KEYS = ['ca', 'apiserver', 'sa', 'front-proxy-ca', 'admin'].map((name) =>
  inPki(`${name}.key`),
);
const CERTIFICATES = ['ca', 'apiserver', 'front-proxy-ca', 'admin'].map((name) =>
  inPki(`${name}.crt`),
);
const KUBELET = ['kubelet-client.key', 'kubelet-client.crt', 'kubelet-server.key'].map(inNode);

const FILES: Record<string, Check> = {
  '1.1.1': isPrivate(API_SERVER),
  '1.1.2': isOwn(API_SERVER),
  '1.1.3': isPrivate(MANAGER),
  '1.1.4': isOwn(MANAGER),
  '1.1.5': isPrivate(SCHEDULER),
  '1.1.6': isOwn(SCHEDULER),
  '1.1.11': isPrivate(({ data }) => data.store),
  '1.1.13': isPrivate(ADMIN),
  '1.1.14': isOwn(ADMIN),
  '1.1.15': isPrivate(inPki('scheduler.conf')),
  '1.1.16': isOwn(inPki('scheduler.conf')),
  '1.1.17': isPrivate(inPki('controller-manager.conf')),
  '1.1.18': isOwn(inPki('controller-manager.conf')),
  '1.1.19': isOwn(PKI, ...KEYS, ...CERTIFICATES),
  '1.1.20': isPrivate(PKI, ...CERTIFICATES),
  '1.1.21': isPrivate(PKI, ...KEYS),
  '4.1.5': isPrivate(...KUBELET),
  '4.1.6': isOwn(...KUBELET),
  '4.1.7': isPrivate(inNode('ca.crt')),
  '4.1.8': isOwn(inNode('ca.crt')),
  '4.1.9': isPrivate(inNode('config.json')),
  '4.1.10': isOwn(inNode('config.json')),
};

/** A server on loopback that shows this certificate; whether the API server's road to it stands. */
async function reachesKubelet(
  world: World,
  identity: { readonly certificate: string; readonly key: string },
): Promise<{ readonly answer: string; readonly shown: string | undefined }> {
  let shown: string | undefined;
  const server: RunningHttpServer = await serveHttp({
    handler: async ({ peer }) => {
      shown = peer?.certificate?.commonName;
      return textResponse(200, 'ok');
    },
    host: '127.0.0.1',
    port: 0,
    tls: {
      cert: identity.certificate,
      key: identity.key,
      clientCa: world.pki.authority.certificate,
    },
  });
  const { kubelets } = clusterServerOptions(world.config, world.pki);
  const road = kubelets.to({
    metadata: { name: 'n1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: server.port } },
    },
  });
  try {
    const { status } = await road({
      method: 'GET',
      url: '/pods',
      headers: { connection: 'close' },
    });
    return { answer: String(status), shown };
  } catch (error) {
    return { answer: String(error), shown };
  } finally {
    await server.close({ graceMs: 0 });
  }
}

/** Of another cluster, with the same names. */
function strangers(world: World) {
  return openPki({
    folder: join(world.data.path, 'strangers'),
    nowMs: world.environment.clock.now(),
    serverAddresses: ['127.0.0.1'],
    serverNames: [],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
}

const pod = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'i' }], ...spec },
});

const hasAccount = (world: World): Promise<true> =>
  world.eventually(`GET ${NAMESPACE}/serviceaccounts/default`, ({ status }) =>
    status === 200 ? true : undefined,
  );

async function tokenOf(world: World, account: string, spec: object = {}): Promise<string> {
  const url = `${NAMESPACE}/serviceaccounts/${account}/token`;
  const { status, body } = await world.call(`POST ${url}`, { spec });
  assert.equal(status, 201);
  return body.status.token;
}

const ACCESS: Record<string, Check> = {
  '1.2.2': (world) => assert.equal(world.apiServerFlags().text('token-auth-file'), ''),
  '1.2.4': async (world) => {
    const { server } = nodeCertificates(world.pki, { name: 'n1', addresses: ['127.0.0.1'] });
    const { answer, shown } = await reachesKubelet(world, server);
    assert.deepEqual([answer, shown], ['200', 'kube-apiserver-kubelet-client']);
    assert.notEqual(world.apiServerFlags().text('kubelet-client-key'), '');
  },
  '1.2.5': async (world) => {
    const { apiServer } = strangers(world);
    assert.match((await reachesKubelet(world, apiServer)).answer, /certificate|self.signed/i);
    assert.notEqual(world.apiServerFlags().text('kubelet-certificate-authority'), '');
  },
  '1.2.6': async (world) => {
    const { status } = await world.call(`GET ${NAMESPACE}/pods`, undefined, world.user('eve'));
    assert.equal(status, 403);
    assert.equal(world.apiServerFlags().text('authorization-mode'), 'Node,RBAC');
  },
  '1.2.7': async (world) => {
    const { body } = await world.call(
      `GET ${NAMESPACE}/secrets/s`,
      undefined,
      world.kubelet('other'),
    );
    assert.match(body.message, /no relationship found between node 'other' and this object/);
  },
  '1.2.8': async (world) => {
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const asAnn = (): Promise<{ status: number }> =>
      world.call(`GET ${NAMESPACE}/pods`, undefined, world.user('ann'));
    assert.equal((await asAnn()).status, 403);
    const bindings = `${RBAC}/namespaces/default/rolebindings`;
    await world.call(`POST ${bindings}`, { metadata: { name: 'ann' }, subjects, roleRef });
    assert.equal((await asAnn()).status, 200);
  },
  '1.2.10': async (world) => {
    await hasAccount(world);
    const asked = pod('classy', { priorityClassName: 'none' });
    assert.equal((await world.call(`POST ${NAMESPACE}/pods`, asked)).status, 403);
  },
  '1.2.12': async (world) => {
    await hasAccount(world);
    const { body } = await world.call(`POST ${NAMESPACE}/pods`, pod('plain'));
    assert.equal(body.spec.serviceAccountName, 'default');
    const [volume] = body.spec.volumes;
    assert.equal(volume.projected.sources[0].serviceAccountToken.expirationSeconds, 3607);
  },
  '1.2.13': async (world) => {
    const url = 'POST /api/v1/namespaces/nowhere/configmaps';
    assert.equal((await world.call(url, { metadata: { name: 'a' } })).status, 404);
    assert.equal((await world.call(`DELETE ${NAMESPACE}`)).status, 403);
  },
  '1.2.14': async (world) => {
    await world.call('POST /api/v1/nodes', { metadata: { name: 'other' } });
    const { status, body } = await world.call(
      'PATCH /api/v1/nodes/other',
      { metadata: { labels: { a: 'b' } } },
      world.kubelet('mine'),
    );
    assert.equal(status, 403);
    assert.match(body.message, /node "mine" is not allowed to modify node "other"|cannot patch/);
  },
  '1.2.15': async (world) => {
    for (const page of ['', 'profile', 'heap', 'cmdline'])
      assert.equal((await world.call(`GET /debug/pprof/${page}`)).status, 404);
    assert.equal(world.apiServerFlags().isOn('profiling'), false);
  },
  '1.2.21': async (world) => {
    const accounts = `${NAMESPACE}/serviceaccounts`;
    await world.call(`POST ${accounts}`, { metadata: { name: 'brief' } });
    const caller = { token: await tokenOf(world, 'brief') };
    const ask = (): Promise<{ status: number }> => world.call('GET /api', undefined, caller);
    assert.equal((await ask()).status, 200);
    await world.call(`DELETE ${accounts}/brief`);
    assert.equal((await ask()).status, 401);
    assert.equal(world.apiServerFlags().isOn('service-account-lookup'), true);
  },
  '1.2.22': (world) => {
    const { serviceAccountKey, apiServer, authority, frontProxyAuthority } = world.pki;
    const others = [apiServer.key, authority.key, frontProxyAuthority.key];
    assert.equal(others.includes(serviceAccountKey), false);
    assert.notEqual(world.apiServerFlags().text('service-account-key-file'), '');
  },
  '1.2.24': async (world) => {
    // The client believes the cluster's authority alone.
    assert.equal((await world.call('GET /version')).status, 200);
    const plain = httpClient({ host: '127.0.0.1', port: world.config.listenPort });
    const asked = plain.handler({ method: 'GET', url: '/version', headers: {} });
    const answer = await asked.then(
      ({ status }) => status,
      () => 'no answer',
    );
    plain.close();
    assert.notEqual(answer, 200);
    assert.notEqual(world.apiServerFlags().text('tls-cert-file'), '');
  },
  '1.2.25': async (world) => {
    const { admin } = strangers(world);
    assert.equal((await world.call(`GET ${NAMESPACE}`)).status, 200);
    const { status } = await world.call(`GET ${NAMESPACE}`, undefined, admin);
    assert.equal(status === 401 || status === 403, true);
    assert.notEqual(world.apiServerFlags().text('client-ca-file'), '');
  },
  '1.2.30': async (world) => {
    await hasAccount(world);
    const token = await tokenOf(world, 'default', { expirationSeconds: 3607 });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(claims.exp - claims.iat, 3607);
    const flags = world.apiServerFlags();
    assert.equal(flags.isOn('service-account-extend-token-expiration'), false);
  },
};

const AUDIT: Record<string, Check> = {
  '1.2.16': (world) => {
    const path = world.apiServerFlags().text('audit-log-path');
    assert.match(path, /\/audit\.log$/);
    return isPrivate(
      ({ data }) => join(data.logs, 'audit'),
      ({ data }) => join(data.logs, 'audit', 'audit.log'),
      ({ data }) => join(data.audit, 'policy.yaml'),
    )(world);
  },
  '1.2.17': (world) => assert.equal(world.apiServerFlags().number('audit-log-maxage'), 30),
  '1.2.18': (world) => assert.equal(world.apiServerFlags().number('audit-log-maxbackup'), 10),
  '1.2.19': (world) => assert.equal(world.apiServerFlags().number('audit-log-maxsize'), 100),
};

/** What a component would say to who may ask everything. */
async function statusOf(world: World, name: string, url: string): Promise<number> {
  const { environment } = world;
  const pages = componentPages({
    environment,
    name,
    access: { check: () => Promise.resolve() } as unknown as Parameters<
      typeof componentPages
    >[0]['access'],
    metrics: new MetricRegistry(),
    checks: new Map(),
    readyChecks: new Map(),
    flags: new Map(),
  });
  return (await pages({ method: 'GET', url, headers: {} })).status;
}

const profilesNothing =
  (name: string, isOn: (world: World) => boolean): Check =>
  async (world) => {
    assert.equal(await statusOf(world, name, '/debug/pprof/'), 404);
    assert.equal(await statusOf(world, name, '/healthz'), 200);
    assert.equal(isOn(world), false);
  };

const COMPONENTS: Record<string, Check> = {
  '1.3.2': profilesNothing('kube-controller-manager', (world) =>
    world.managerFlags().isOn('profiling'),
  ),
  '1.3.3': (world) =>
    assert.equal(world.managerFlags().isOn('use-service-account-credentials'), true),
  '1.3.4': (world) =>
    assert.match(world.managerFlags().text('service-account-private-key-file'), /\/sa\.key$/),
  '1.3.5': async (world) => {
    const url = `GET ${NAMESPACE}/configmaps/kube-root-ca.crt`;
    const published = await world.eventually(url, ({ body }) => body.data?.['ca.crt']);
    assert.equal(published, world.pki.authority.certificate);
    assert.match(world.managerFlags().text('root-ca-file'), /\/ca\.crt$/);
  },
  '1.3.6': async (world) => {
    const words = {
      commonName: 'system:node:mine',
      organizations: ['system:nodes'],
      dnsNames: ['mine'],
    };
    const spec = {
      request: Buffer.from(certificateRequest(words)).toString('base64'),
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
    };
    const asked = { metadata: { name: 'mine' }, spec };
    const made = await world.call(`POST ${CSR}`, asked, world.kubelet('mine'));
    assert.equal(made.status, 201);
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test' }];
    await world.call(`PATCH ${CSR}/mine/approval`, { status: { conditions } });
    const certificate = await world.eventually(
      `GET ${CSR}/mine`,
      ({ body }) => body.status.certificate,
    );
    assert.match(Buffer.from(certificate, 'base64').toString(), /BEGIN CERTIFICATE/);
  },
  '1.3.7': (world) => assert.equal(world.managerFlags().text('bind-address'), '127.0.0.1'),
  '1.4.1': profilesNothing('kube-scheduler', (world) => world.schedulerFlags().isOn('profiling')),
  '1.4.2': (world) => assert.equal(world.schedulerFlags().text('bind-address'), '127.0.0.1'),
};

const kubelet = (world: World, over: object = {}) =>
  nodeKubeletConfiguration({ ...world.node, ...over }, world.data);

const NODES: Record<string, Check> = {
  '4.2.1': (world) => assert.equal(kubelet(world).authentication?.anonymous?.enabled, false),
  '4.2.2': (world) => assert.equal(kubelet(world).authorization?.mode, 'Webhook'),
  '4.2.3': (world) =>
    assert.equal(readNode(world.data)?.identity.authority, world.pki.authority.certificate),
  '4.2.4': (world) => assert.equal(kubelet(world).readOnlyPort ?? 0, 0),
  '4.2.10': (world) =>
    assert.equal(kubelet(world, { rotatesCertificates: true }).rotateCertificates, true),
  '4.2.11': (world) =>
    assert.equal(kubelet(world, { rotatesCertificates: true }).serverTLSBootstrap, true),
  '4.3.1': ({ node }) =>
    assert.equal(
      nodeProxyConfig({ config: node, masqueradeAll: false }).metricsBindAddress,
      '127.0.0.1:10249',
    ),
};

const RIGHTS: Record<string, Check> = {
  '5.1.1': async (world) => {
    const { body } = await world.call(`GET ${RBAC}/clusterrolebindings`);
    const bound = body.items.filter((each: any) => each.roleRef.name === 'cluster-admin'); // oxlint-disable-line typescript/no-explicit-any
    assert.deepEqual(
      bound.flatMap((each: any) => each.subjects.map((subject: any) => subject.name)), // oxlint-disable-line typescript/no-explicit-any
      ['system:masters'],
    );
  },
  '5.1.2': mayNot('list', 'secrets'),
  '5.1.4': mayNot('create', 'pods'),
};

/** Whoever is known, and has no binding of their own. */
function mayNot(verb: string, resource: string): Check {
  return async (world) => {
    const spec = {
      user: 'anybody',
      groups: ['system:authenticated'],
      resourceAttributes: { verb, resource },
    };
    const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const { body } = await world.call(`POST ${reviews}`, { spec });
    assert.equal(body.status.allowed, false);
  };
}

/** By number. */
export const CHECKS: ReadonlyMap<string, Check> = new Map(
  [FILES, ACCESS, AUDIT, COMPONENTS, NODES, RIGHTS].flatMap((each) => Object.entries(each)),
);
