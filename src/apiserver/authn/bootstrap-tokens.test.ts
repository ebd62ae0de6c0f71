/** Who shows a bootstrap token is a bootstrapper, as long as its Secret says so. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const REVIEWS = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
const SECRETS = '/api/v1/namespaces/kube-system/secrets';
const TOKEN = 'abcdef.0123456789abcdef';
const AUTHENTICATED = 'system:authenticated';
const BOOTSTRAPPERS = 'system:bootstrappers';

const GOOD = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
};

interface World {
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly name?: string;
  readonly namespace?: string;
}

async function serverWith({ data = GOOD, type, name, namespace }: World, enabled = true) {
  const api = await TestApiServer.start({ bootstrapTokens: enabled });
  await api.must(`POST ${SECRETS.replace('kube-system', namespace ?? 'kube-system')}`, {
    metadata: { name: name ?? 'bootstrap-token-abcdef' },
    type: type ?? 'bootstrap.kubernetes.io/token',
    stringData: data,
  });
  return api;
}

/** The user, or the refusal. */
async function whoIs(world: World, token = TOKEN, enabled = true): Promise<unknown> {
  const api = await serverWith(world, enabled);
  const { status, body } = await api.call(REVIEWS, REVIEW, { token });
  await api.environment.resolve(api.server.stop());
  return status === 201 ? body.status.userInfo : `${status} ${body.message}`;
}

describe('a bootstrap token', () => {
  it('stands for a bootstrapper', async () => {
    assert.deepEqual(await whoIs({}), {
      username: 'system:bootstrap:abcdef',
      groups: [BOOTSTRAPPERS, AUTHENTICATED],
    });
  });

  it('puts its user in further groups, in order', async () => {
    const groups = `${BOOTSTRAPPERS}:z,${BOOTSTRAPPERS}:kubeadm:default-node-token`;
    assert.deepEqual(await whoIs({ data: { ...GOOD, 'auth-extra-groups': groups } }), {
      username: 'system:bootstrap:abcdef',
      groups: [
        BOOTSTRAPPERS,
        `${BOOTSTRAPPERS}:kubeadm:default-node-token`,
        `${BOOTSTRAPPERS}:z`,
        AUTHENTICATED,
      ],
    });
  });

  const refused: readonly (readonly [claim: string, world: World, token?: string])[] = [
    ['with another secret', {}, 'abcdef.0123456789abcdee'],
    ['that is unknown', {}, 'bbcdef.0123456789abcdef'],
    ['with more behind it', {}, `${TOKEN}x`],
    ['in capitals', {}, TOKEN.toUpperCase()],
    ['that may not authenticate', { data: { ...GOOD, 'usage-bootstrap-authentication': 'yes' } }],
    ['that may only sign', { data: { ...GOOD, 'usage-bootstrap-authentication': '' } }],
    ['whose Secret holds another id', { data: { ...GOOD, 'token-id': 'bbcdef' } }],
    ['whose Secret is of another type', { type: 'Opaque' }],
    ['whose Secret lies elsewhere', { namespace: 'default' }],
    ['whose end cannot be read', { data: { ...GOOD, expiration: 'tomorrow' } }],
    ['whose end is long past', { data: { ...GOOD, expiration: '1999-01-01T00:00:00Z' } }],
    ['with a group of others', { data: { ...GOOD, 'auth-extra-groups': 'system:masters' } }],
    [
      'with a group of others beside its own',
      { data: { ...GOOD, 'auth-extra-groups': `${BOOTSTRAPPERS}:a,system:masters` } },
    ],
    ['with an empty group', { data: { ...GOOD, 'auth-extra-groups': `${BOOTSTRAPPERS}:a,` } }],
  ];
  for (const [claim, world, token] of refused) {
    it(`${claim} is refused`, async () => {
      assert.equal(await whoIs(world, token), '401 Unauthorized');
    });
  }

  it('is refused where the API server does not take them', async () => {
    assert.equal(await whoIs({}, TOKEN, false), '401 Unauthorized');
  });

  it('ends when its time is over, and not before', async () => {
    const api = await TestApiServer.start({ bootstrapTokens: true });
    const endMs = api.environment.clock.now() + 60_000;
    await api.must(`POST ${SECRETS}`, {
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { ...GOOD, expiration: new Date(endMs).toISOString() },
    });
    const status = async (): Promise<number> =>
      (await api.call(REVIEWS, REVIEW, { token: TOKEN })).status;
    await api.environment.advance(59_000);
    assert.equal(await status(), 201);
    await api.environment.advance(1_001);
    assert.equal(await status(), 401);
  });

  it('is worth nothing from the moment its Secret is being deleted', async () => {
    const api = await TestApiServer.start({ bootstrapTokens: true });
    await api.must(`POST ${SECRETS}`, {
      metadata: { name: 'bootstrap-token-abcdef', finalizers: ['example.com/stay'] },
      type: 'bootstrap.kubernetes.io/token',
      stringData: GOOD,
    });
    await api.must(`DELETE ${SECRETS}/bootstrap-token-abcdef`);
    assert.equal((await api.call(REVIEWS, REVIEW, { token: TOKEN })).status, 401);
  });

  it('leaves a service account its tokens', async () => {
    const api = await serverWith({});
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await api.must(`POST ${accounts}`, { metadata: { name: 'a' } });
    const { status } = await api.must(`POST ${accounts}/a/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {},
    });
    const { body } = await api.call(REVIEWS, REVIEW, { token: status.token });
    assert.equal(body.status.userInfo.username, 'system:serviceaccount:default:a');
  });

  it('is known to a review of tokens, for the audiences of the API server alone', async () => {
    const api = await serverWith({});
    const review = async (audiences: string[]): Promise<unknown> =>
      (
        await api.must('POST /apis/authentication.k8s.io/v1/tokenreviews', {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token: TOKEN, audiences },
        })
      ).status;
    const known = {
      authenticated: true,
      user: { username: 'system:bootstrap:abcdef', groups: [BOOTSTRAPPERS, AUTHENTICATED] },
      audiences: ['https://kubernetes.default.svc'],
    };
    assert.deepEqual(await review([]), known);
    assert.deepEqual(await review(['other', 'https://kubernetes.default.svc']), known);
    assert.deepEqual(await review(['other']), { user: {}, error: 'invalid bearer token' });
  });
});
