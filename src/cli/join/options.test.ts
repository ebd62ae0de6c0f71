import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../user-error.ts';
import { type JoinFlags, joinPlan } from './options.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const OTHER = 'bbbbbb.0123456789abcdef';
const PIN = `sha256:${'ab'.repeat(32)}`;
const parsed = { id: 'abcdef', secret: '0123456789abcdef' };
const GOOD = { token: TOKEN, discoveryTokenCaCertHash: [PIN] };
const planOf = (endpoint: string | undefined, flags: Partial<JoinFlags> = {}) =>
  joinPlan(endpoint, { dataDir: '/d', ...flags });

describe('the flags of cox join', () => {
  it('name the cluster, the token and the pins', () => {
    assert.deepEqual(planOf('192.0.2.1:7443', GOOD), {
      kind: 'token',
      host: '192.0.2.1',
      port: 7443,
      token: parsed,
      pins: [PIN],
      bootstrapToken: parsed,
    });
  });

  const endpoints = [
    ['cluster.example', 'cluster.example', 6443],
    ['cluster.example:443', 'cluster.example', 443],
    ['[2001:db8::1]:6444', '2001:db8::1', 6444],
    ['[2001:db8::1]', '2001:db8::1', 6443],
  ] as const;
  for (const [text, host, port] of endpoints) {
    it(`reach ${text}`, () => {
      const plan = planOf(text, GOOD);
      assert.ok(plan?.kind === 'token');
      assert.deepEqual([plan.host, plan.port], [host, port]);
    });
  }

  it('may have two tokens', () => {
    const plan = planOf('a', { ...GOOD, discoveryToken: OTHER });
    assert.ok(plan?.kind === 'token');
    assert.deepEqual([plan.token.id, plan.bootstrapToken.id], ['bbbbbb', 'abcdef']);
    const second = planOf('a', { ...GOOD, tlsBootstrapToken: OTHER });
    assert.ok(second?.kind === 'token');
    assert.deepEqual([second.token.id, second.bootstrapToken.id], ['abcdef', 'bbbbbb']);
  });

  it('may give up the pins, or give them all the same', () => {
    const unsafe = { token: TOKEN, discoveryTokenUnsafeSkipCaVerification: true };
    const plan = planOf('a', unsafe);
    assert.ok(plan?.kind === 'token' && plan.pins === undefined);
    const both = planOf('a', { ...unsafe, discoveryTokenCaCertHash: [PIN] });
    assert.ok(both?.kind === 'token');
    assert.deepEqual(both.pins, [PIN]);
  });

  it('may name a file, with or without a token', () => {
    const plain = { kind: 'file', path: '/f', bootstrapToken: undefined };
    assert.deepEqual(planOf(undefined, { discoveryFile: '/f' }), plain);
    const withToken = { ...plain, bootstrapToken: parsed };
    assert.deepEqual(planOf(undefined, { discoveryFile: '/f', token: TOKEN }), withToken);
  });

  it('may say nothing: the machine has joined before', () => {
    assert.equal(planOf(undefined), undefined);
  });

  const bad: readonly (readonly [string | undefined, Partial<JoinFlags>, RegExp])[] = [
    ['a', {}, /give --token/],
    ['a', { discoveryToken: TOKEN, discoveryTokenCaCertHash: [PIN] }, /give --token/],
    ['a', { token: TOKEN }, /give --discovery-token-ca-cert-hash/],
    ['a', { token: 'x', discoveryTokenCaCertHash: [PIN] }, /--discovery-token \(or --token\)/],
    ['a', { token: TOKEN, discoveryTokenCaCertHash: ['md5:1'] }, /invalid public key hash "md5:1"/],
    ['a', { ...GOOD, discoveryFile: '/f' }, /Cannot use --discovery-file with/],
    [undefined, GOOD, /give HOST:PORT/],
    ['', GOOD, /Cannot join ""/],
    ['https://a:1', GOOD, /Cannot join "https:\/\/a:1"/],
    ['a:99999', GOOD, /Cannot join "a:99999"/],
    ['a b', GOOD, /Cannot join "a b"/],
  ];
  for (const [endpoint, flags, pattern] of bad) {
    it(`refuse ${endpoint ?? 'no endpoint'} with ${JSON.stringify(flags)}`, () => {
      assert.throws(
        () => planOf(endpoint, flags),
        (error) => error instanceof UserError && pattern.test(error.message),
      );
    });
  }
});
