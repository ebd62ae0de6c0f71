import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type {
  ImagePullCredentials,
  ImagePulledRecord,
  ImagePullSecret,
  ObjectCoordinates,
} from './image-pull-records.ts';
import {
  matchCredentials,
  pulledWith,
  type TrackedCredentials,
  withCredentials,
} from './tracked-credentials.ts';

const at = (name: string, namespace = 'a', uid = '1'): ObjectCoordinates => ({
  uid,
  namespace,
  name,
});
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const offered = (source: TrackedCredentials['source'], password = 'p'): TrackedCredentials => ({
  username: 'u',
  password,
  ...(source === undefined ? {} : { source }),
});
const secret = (one: ObjectCoordinates, password = 'p'): ImagePullSecret => ({
  ...one,
  credentialHash: sha(`{"username":"u","password":"${password}"}`),
});

describe('pulledWith', () => {
  it('nothing, or what the node has, lets all pods of the node', () => {
    assert.deepEqual(pulledWith(undefined), { nodePodsAccessible: true });
    assert.deepEqual(pulledWith(offered(undefined)), { nodePodsAccessible: true });
  });

  it('a secret, by the hash of its credentials as Go writes them', () => {
    const found = pulledWith({
      username: '',
      password: 'a<&>b',
      source: { secret: at('s') },
    });
    const credentialHash = sha(String.raw`{"password":"a\u003c\u0026\u003eb"}`);
    assert.deepEqual(found, { kubernetesSecrets: [{ ...at('s'), credentialHash }] });
    assert.deepEqual(pulledWith({ username: 'u', password: '', source: { secret: at('s') } }), {
      kubernetesSecrets: [{ ...at('s'), credentialHash: sha('{"username":"u"}') }],
    });
  });

  it('a service account', () => {
    assert.deepEqual(pulledWith(offered({ serviceAccount: at('s') })), {
      kubernetesServiceAccounts: [at('s')],
    });
  });
});

describe('matchCredentials', () => {
  const many = (count: number): ImagePullSecret[] =>
    Array.from({ length: count }, (_, n) => secret(at('s', 'a', String(n)), String(n)));
  const OWN = { secret: at('s') };
  const ACCOUNT = { serviceAccount: at('sa') };
  const cases: readonly [
    string,
    ImagePullCredentials,
    readonly TrackedCredentials[],
    ReturnType<typeof matchCredentials>,
  ][] = [
    ['all of the node', { nodePodsAccessible: true }, [], 'allowed'],
    ['nothing recorded', {}, [offered(OWN)], 'refused'],
    ['nothing offered', { kubernetesSecrets: [secret(at('s'))] }, [], 'refused'],
    ['the same secret', { kubernetesSecrets: [secret(at('s'))] }, [offered(OWN)], 'allowed'],
    [
      'the same content in another secret',
      { kubernetesSecrets: [secret(at('s', 'b'))] },
      [offered(OWN)],
      { remember: secret(at('s')) },
    ],
    [
      'the same secret with another content',
      { kubernetesSecrets: [secret(at('s'), 'old')] },
      [offered(OWN)],
      { remember: secret(at('s')) },
    ],
    [
      'a secret of that name that was made anew',
      { kubernetesSecrets: [secret(at('s', 'a', '2'), 'old')] },
      [offered(OWN)],
      'refused',
    ],
    [
      'a hash that is not known',
      { kubernetesSecrets: [{ ...at('other'), credentialHash: '' }] },
      [offered(OWN)],
      'refused',
    ],
    [
      'the last of several',
      { kubernetesSecrets: [secret(at('x'), 'x'), secret(at('s'))] },
      [offered({ secret: at('y') }, 'y'), offered(OWN)],
      'allowed',
    ],
    [
      'credentials of the node',
      { kubernetesSecrets: [secret(at('s'))] },
      [offered(undefined)],
      'refused',
    ],
    [
      'another content where there is just room',
      { kubernetesSecrets: many(99) },
      [offered({ secret: at('s', 'a', '7') }, 'new')],
      { remember: secret(at('s', 'a', '7'), 'new') },
    ],
    [
      'another content where there is no room',
      { kubernetesSecrets: many(100) },
      [offered({ secret: at('s', 'a', '7') }, 'new')],
      'refused',
    ],
    [
      'the same content where there is no room',
      { kubernetesSecrets: many(100) },
      [offered({ secret: at('new') }, '7')],
      'allowed',
    ],
    [
      'its account',
      { kubernetesServiceAccounts: [at('x'), at('sa')] },
      [offered(OWN), offered(ACCOUNT)],
      'allowed',
    ],
    [
      'another account',
      { kubernetesServiceAccounts: [at('sa', 'b')] },
      [offered(ACCOUNT)],
      'refused',
    ],
    // Upstream looks at the first alone: a pod has but one.
    [
      'an account as a secret',
      { kubernetesSecrets: [secret(at('sa'))] },
      [offered(ACCOUNT)],
      'refused',
    ],
  ];
  for (const [what, recorded, credentials, wanted] of cases)
    it(what, () => {
      assert.deepEqual(matchCredentials(recorded, credentials), wanted);
    });
});

describe('withCredentials', () => {
  const record = (
    credentialMapping?: Readonly<Record<string, ImagePullCredentials>>,
  ): ImagePulledRecord => ({
    lastUpdatedTime: '2026-01-01T00:00:00Z',
    imageRef: 'r',
    ...(credentialMapping === undefined ? {} : { credentialMapping }),
  });
  const NODE = { nodePodsAccessible: true };
  const of = (...all: readonly ImagePullSecret[]): ImagePullCredentials => ({
    kubernetesSecrets: all,
  });
  const [A, B] = [secret(at('a')), secret(at('b'))];
  const accounts = (...all: readonly ObjectCoordinates[]): ImagePullCredentials => ({
    kubernetesServiceAccounts: all,
  });

  const cases: readonly [
    string,
    before: ImagePullCredentials | undefined,
    add: ImagePullCredentials | undefined,
    after: ImagePullCredentials | 'same',
  ][] = [
    ['nothing', of(A), undefined, 'same'],
    ['the first', undefined, of(A), of(A)],
    ['the same', of(A), of(A), 'same'],
    ['another, in order', of(B), of(A), of(A, B)],
    ['another content', of(A, B), of(secret(at('a'), 'new')), of(secret(at('a'), 'new'), B)],
    ['the node, which is all', of(A), NODE, NODE],
    ['one where the node may', NODE, of(A), 'same'],
    ['an account beside secrets', of(A), accounts(at('x')), { ...of(A), ...accounts(at('x')) }],
    ['an account, in order', accounts(at('y')), accounts(at('x')), accounts(at('x'), at('y'))],
    ['the same account', accounts(at('x')), accounts(at('x')), 'same'],
  ];
  for (const [what, before, add, after] of cases)
    it(`takes ${what}`, () => {
      const given = record({ other: NODE, ...(before === undefined ? {} : { r: before }) });
      const found = withCredentials(given, 'r', add);
      if (after === 'same') assert.equal(found, given);
      else assert.deepEqual(found.credentialMapping, { other: NODE, r: after });
    });

  it('makes the mapping where there is none', () => {
    assert.deepEqual(withCredentials(record(), 'r', NODE), record({ r: NODE }));
    const bare = record();
    assert.equal(withCredentials(bare, 'r', undefined), bare);
  });

  it('remembers a thousand of each', () => {
    const all = Array.from({ length: 1000 }, (_, n) => secret(at('s', 'a', String(1000 + n))));
    const found = withCredentials(record({ r: of(...all) }), 'r', of(secret(at('s', 'z'))));
    const secrets = found.credentialMapping?.['r']?.kubernetesSecrets ?? [];
    assert.deepEqual(
      [secrets.length, secrets[0]?.uid, secrets.at(-1)?.namespace],
      [1000, '1001', 'z'],
    );
    const names = Object.fromEntries(all.map(({ uid }) => [`n${uid}`, NODE]));
    const mapping = withCredentials(record(names), 'r', NODE).credentialMapping ?? {};
    assert.deepEqual(
      [Object.keys(mapping).length, 'n1000' in mapping, 'n1001' in mapping, 'r' in mapping],
      [1000, false, true, true],
    );
  });
});
