/** Stories of tokens, signatures and roles: what controllers fill in, sign and take away. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { TokenReview } from '#api/gen/authentication-v1.ts';
import type { Secret } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { legacyTokenCleaner } from '#controllers/legacy-service-account-token-cleaner.ts';
import { serviceAccountTokenController } from '#controllers/serviceaccount-token.ts';
import { SIGNING_KEY, TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const ACCOUNT = { metadata: { name: 'robot', namespace: NAMESPACE } };
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
const LAST_USED = 'kubernetes.io/legacy-token-last-used';

function tokenSecret(name = 'robot-token', account = 'robot'): Secret {
  return {
    metadata: {
      name,
      namespace: NAMESPACE,
      annotations: { 'kubernetes.io/service-account.name': account },
    },
    type: 'kubernetes.io/service-account-token',
  };
}

const decoded = (secret: Secret | undefined, name: string): string =>
  Buffer.from(secret?.data?.[name] ?? '', 'base64').toString();

async function find(cluster: TestCluster, name = 'robot-token'): Promise<Secret | undefined> {
  try {
    return await cluster.get(SECRET, name, NAMESPACE);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function review(cluster: TestCluster, token: string): Promise<TokenReview['status']> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const answer = JSON.parse(await cluster.run(cluster.client.raw('POST', path, body)));
  return (answer as TokenReview).status;
}

async function clusterWithToken(): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes: 0 });
  await cluster.create(SERVICE_ACCOUNT, ACCOUNT);
  await cluster.create(SECRET, tokenSecret());
  await cluster.settle();
  return cluster;
}

describe('the Secret of a service account', () => {
  it('is filled with a token that opens the server, the CA and the namespace', async () => {
    const cluster = await clusterWithToken();
    const secret = await find(cluster);
    const account = await cluster.get(SERVICE_ACCOUNT, 'robot', NAMESPACE);
    assert.equal(decoded(secret, 'ca.crt'), 'test CA');
    assert.equal(decoded(secret, 'namespace'), NAMESPACE);
    assert.equal(
      secret?.metadata?.annotations?.['kubernetes.io/service-account.uid'],
      account.metadata?.uid,
    );
    const status = await review(cluster, decoded(secret, 'token'));
    assert.equal(status?.authenticated, true);
    assert.equal(status.user?.username, 'system:serviceaccount:default:robot');
    assert.equal(status.user?.uid, account.metadata?.uid);
    assert.deepEqual(status.audiences, ['https://kubernetes.default.svc']);
    await cluster.stop();
  });

  it('is filled anew when its token is taken out; the old one opens nothing', async () => {
    const cluster = await clusterWithToken();
    const before = decoded(await find(cluster), 'token');
    await cluster.patch(SECRET, tokenSecret(), { data: { token: null, 'ca.crt': 'eA==' } });
    await cluster.settle();
    const secret = await find(cluster);
    assert.equal(decoded(secret, 'ca.crt'), 'test CA');
    assert.equal((await review(cluster, decoded(secret, 'token')))?.authenticated, true);
    assert.notEqual(decoded(secret, 'token'), before);
    assert.equal((await review(cluster, before))?.authenticated, undefined);
    await cluster.stop();
  });

  it('goes with its account, and so does what its token opened', async () => {
    const cluster = await clusterWithToken();
    const token = decoded(await find(cluster), 'token');
    await cluster.delete(SERVICE_ACCOUNT, ACCOUNT);
    await cluster.settle();
    assert.equal(await find(cluster), undefined);
    assert.equal((await review(cluster, token))?.authenticated, undefined);
    await cluster.stop();
  });

  it('is removed when it names no account that there is', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(SECRET, tokenSecret('lost', 'nobody'));
    await cluster.settle();
    assert.equal(await find(cluster, 'lost'), undefined);
    await cluster.stop();
  });

  it('is taken off its account when it goes', async () => {
    const cluster = await clusterWithToken();
    const secrets = [{ name: 'robot-token' }, { name: 'other' }];
    await cluster.patch(SERVICE_ACCOUNT, ACCOUNT, { secrets });
    await cluster.delete(SECRET, tokenSecret());
    await cluster.settle();
    const account = await cluster.get(SERVICE_ACCOUNT, 'robot', NAMESPACE);
    assert.deepEqual(account.secrets, [{ name: 'other' }]);
    await cluster.stop();
  });

  it('notes the day of its last use', async () => {
    const cluster = await clusterWithToken();
    assert.equal((await find(cluster))?.metadata?.labels?.[LAST_USED], undefined);
    await review(cluster, decoded(await find(cluster), 'token'));
    await cluster.settle();
    assert.equal((await find(cluster))?.metadata?.labels?.[LAST_USED], '2026-01-01');
    await cluster.stop();
  });
});

describe('a token that a control plane of old made', () => {
  /** All of the past counts as unused; the cleaner looks when it starts. */
  async function agedCluster(since: string): Promise<TestCluster> {
    const cluster = await TestCluster.start({
      nodes: 0,
      controllers: [
        serviceAccountTokenController({ key: SIGNING_KEY }),
        legacyTokenCleaner({ unusedMs: 0 }),
      ],
    });
    const name = 'kube-apiserver-legacy-service-account-token-tracking';
    const tracking = { metadata: { name, namespace: 'kube-system' } };
    await cluster.patch(CONFIG_MAP, tracking, { data: { since } });
    await cluster.create(SERVICE_ACCOUNT, ACCOUNT);
    await cluster.create(SECRET, tokenSecret());
    await cluster.patch(SERVICE_ACCOUNT, ACCOUNT, { secrets: [{ name: 'robot-token' }] });
    await cluster.settle();
    return cluster;
  }
  async function look(cluster: TestCluster): Promise<Secret | undefined> {
    await cluster.startComponents();
    await cluster.settle();
    return find(cluster);
  }

  it('is blocked when it is not used, and opens nothing then, but its use is noted', async () => {
    const cluster = await agedCluster('2025-12-30');
    const token = decoded(await find(cluster), 'token');
    const blocked = await look(cluster);
    assert.deepEqual(blocked?.metadata?.labels, { [INVALID_SINCE]: '2026-01-01' });
    assert.equal((await review(cluster, token))?.authenticated, undefined);
    await cluster.settle();
    assert.equal((await find(cluster))?.metadata?.labels?.[LAST_USED], '2026-01-01');
    await cluster.stop();
  });

  it('is deleted when it has been blocked for long', async () => {
    const cluster = await agedCluster('2025-12-30');
    const labels = { [INVALID_SINCE]: '2025-12-31' };
    await cluster.patch(SECRET, tokenSecret(), { metadata: { labels } });
    assert.equal(await look(cluster), undefined);
    await cluster.stop();
  });

  it('stays as long as no use could have been noted', async () => {
    const cluster = await agedCluster('2026-01-01');
    assert.equal((await look(cluster))?.metadata?.labels, undefined);
    await cluster.stop();
  });
});

describe('bootstrap tokens', () => {
  const info = { metadata: { name: 'cluster-info', namespace: 'kube-public' } };
  const token = (fields: Record<string, string> = {}): Secret => ({
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-signing': 'true',
      ...fields,
    },
  });
  async function clusterWithInfo(secret = token()): Promise<TestCluster> {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(CONFIG_MAP, { ...info, data: { kubeconfig: 'the way in' } });
    await cluster.create(SECRET, secret);
    await cluster.settle();
    return cluster;
  }
  const signature = async (cluster: TestCluster): Promise<string | undefined> => {
    const { data } = await cluster.get(CONFIG_MAP, 'cluster-info', 'kube-public');
    return data?.['jws-kubeconfig-abcdef'];
  };
  function expected(content: string): string {
    const text = (value: string): string => Buffer.from(value).toString('base64url');
    const header = text('{"alg":"HS256","kid":"abcdef"}');
    const mac = createHmac('sha256', '0123456789abcdef').update(`${header}.${text(content)}`);
    return `${header}..${mac.digest('base64url')}`;
  }

  it('sign the cluster’s information, whatever it says', async () => {
    const cluster = await clusterWithInfo();
    assert.equal(await signature(cluster), expected('the way in'));
    await cluster.patch(CONFIG_MAP, info, { data: { kubeconfig: 'another way' } });
    await cluster.settle();
    assert.equal(await signature(cluster), expected('another way'));
    await cluster.delete(SECRET, token());
    await cluster.settle();
    assert.equal(await signature(cluster), undefined);
    await cluster.stop();
  });

  for (const [name, fields] of [
    ['are not for signing', { 'usage-bootstrap-signing': 'false' }],
    ['are not named after their id', { 'token-id': 'fedcba' }],
    ['have no secret', { 'token-secret': '' }],
  ] as const) {
    it(`sign nothing when they ${name}`, async () => {
      const cluster = await clusterWithInfo(token(fields));
      const { data } = await cluster.get(CONFIG_MAP, 'cluster-info', 'kube-public');
      assert.deepEqual(data, { kubeconfig: 'the way in' });
      await cluster.stop();
    });
  }

  it('are deleted when their time is over', async () => {
    const cluster = await clusterWithInfo(token({ expiration: '2026-01-01T01:00:00Z' }));
    const count = async () =>
      (await cluster.list(SECRET, 'kube-system')).filter(({ type }) => type === token().type)
        .length;
    await cluster.advance(59 * 60_000);
    assert.equal(await count(), 1);
    await cluster.advance(60_000);
    assert.equal(await count(), 0);
    assert.equal(await signature(cluster), undefined);
    await cluster.stop();
  });
});

describe('an aggregated ClusterRole', () => {
  const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
  const part = (name: string, label: string, resource: string) => ({
    metadata: { name, labels: { part: label } },
    rules: [rule(resource)],
  });
  const rulesOf = async (cluster: TestCluster) =>
    (await cluster.get(CLUSTER_ROLE, 'whole')).rules?.map(({ resources }) => resources?.join());

  it('has the rules of the roles that it selects, as they come, change and go', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(CLUSTER_ROLE, part('b', 'one', 'pods'));
    await cluster.create(CLUSTER_ROLE, part('a', 'two', 'services'));
    const clusterRoleSelectors = ['one', 'two'].map((value) => ({ matchLabels: { part: value } }));
    await cluster.create(CLUSTER_ROLE, {
      metadata: { name: 'whole' },
      aggregationRule: { clusterRoleSelectors },
      rules: [],
    });
    await cluster.settle();
    assert.deepEqual(await rulesOf(cluster), ['pods', 'services']);
    await cluster.create(CLUSTER_ROLE, part('c', 'one', 'pods'));
    await cluster.patch(CLUSTER_ROLE, part('a', 'two', ''), { rules: [rule('nodes')] });
    await cluster.settle();
    assert.deepEqual(await rulesOf(cluster), ['pods', 'nodes'], 'each rule once');
    await cluster.delete(CLUSTER_ROLE, part('a', 'two', ''));
    await cluster.settle();
    assert.deepEqual(await rulesOf(cluster), ['pods']);
    await cluster.patch(
      CLUSTER_ROLE,
      { metadata: { name: 'whole' }, rules: [] },
      { rules: [rule('secrets')] },
    );
    await cluster.settle();
    assert.deepEqual(await rulesOf(cluster), ['pods'], 'rules of its own are not kept');
    await cluster.stop();
  });
});
