/** The users of a kubeconfig that webhooks are shown: their files, and what is wrong with them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { createCertificate } from '#base/x509.ts';
import { configFolder, userError } from './test-kit.ts';
import { webhookUsers } from './webhook-users.ts';

const MINUTE_MS = 60_000;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

function pairOf(commonName: string): Pair {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = { commonName };
  const cert = createCertificate({
    subject: name,
    publicKey: keys.publicKey,
    issuer: { name, ...keys },
    serial: Uint8Array.of(1),
    notBeforeMs: 0,
    notAfterMs: MINUTE_MS,
    uses: ['client'],
  });
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert, key: pem(keys.privateKey) };
}

const one = pairOf('one');
const two = pairOf('two');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A folder, a clock, and what a user of that folder shows. */
function folder(t: TestContext) {
  const write = configFolder(t);
  const clock = { ms: 0 };
  const config = (user: object): string =>
    write('kubeconfig', { kind: 'Config', users: [{ name: 'u', user }] });
  return {
    write,
    clock,
    config,
    shows: (user: object) => {
      const made = webhookUsers(config(user), () => clock.ms).byName.get('u');
      assert.ok(made !== undefined);
      return made;
    },
    fault: (user: object): string => userError(() => webhookUsers(config(user))),
  };
}

describe('what a webhook is shown', () => {
  it('is a client certificate, as data or in files beside the kubeconfig', (t) => {
    const { write, shows } = folder(t);
    const data = {
      'client-certificate-data': base64(one.cert),
      'client-key-data': base64(one.key),
    };
    assert.deepEqual(shows(data)(), { certificate: one, headers: {} });
    write('tls.crt', two.cert);
    write('tls.key', two.key);
    const files = { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' };
    assert.deepEqual(shows(files)(), { certificate: two, headers: {} });
    assert.deepEqual(shows({ ...files, ...data })(), { certificate: one, headers: {} });
  });

  it('is a certificate written anew a second later, once its key is there', (t) => {
    const { write, shows, clock } = folder(t);
    write('tls.crt', one.cert);
    const key = write('tls.key', one.key);
    const show = shows({ 'client-certificate': 'tls.crt', 'client-key': key });
    write('tls.crt', two.cert);
    clock.ms += 1_000;
    assert.deepEqual(show().certificate, one);
    write('tls.key', two.key);
    clock.ms += 999;
    assert.deepEqual(show().certificate, one);
    clock.ms += 1;
    assert.deepEqual(show().certificate, two);
  });

  it('is a token, of a file that is read each minute, as long as it is there', (t) => {
    const { write, shows, clock } = folder(t);
    const authorization = (user: object): (() => string | undefined) => {
      const show = shows(user);
      return () => show().headers['authorization'];
    };
    assert.equal(authorization({ token: 'a' })(), 'Bearer a');
    const path = write('token', 'b\n');
    const show = authorization({ token: 'a', tokenFile: 'token' });
    assert.equal(show(), 'Bearer b');
    write('token', 'c\n');
    clock.ms += MINUTE_MS - 1;
    assert.equal(show(), 'Bearer b');
    clock.ms += 1;
    assert.equal(show(), 'Bearer c');
    rmSync(path);
    clock.ms += MINUTE_MS;
    assert.equal(show(), 'Bearer c');
  });

  it('is a password, and whom one acts as', (t) => {
    const { shows } = folder(t);
    assert.deepEqual(shows({ username: 'me', password: 'p:w' })().headers, {
      authorization: `Basic ${base64('me:p:w')}`,
    });
    const as = { as: 'joe', 'as-uid': '7', 'as-groups': ['a', 'b'] };
    assert.deepEqual(shows({ ...as, 'as-user-extra': { 'x.io/y': ['1', '2'] } })().headers, {
      'impersonate-user': 'joe',
      'impersonate-uid': '7',
      'impersonate-group': 'a\nb',
      'impersonate-extra-x.io%2fy': '1\n2',
    });
    assert.deepEqual(shows({})(), { headers: {} });
  });

  it('is also that of the current context', (t) => {
    const path = configFolder(t)('kubeconfig', {
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'c', context: { user: 'u' } }],
      'current-context': 'c',
    });
    assert.equal(webhookUsers(path).current?.().headers['authorization'], 'Bearer t');
  });
});

describe('a user of a kubeconfig for webhooks is refused', () => {
  const rows: [what: string, user: object, said: RegExp][] = [
    ['without its file', { tokenFile: 'none' }, /"u": Cannot read .*\/none: ENOENT/],
    ['with an empty token', { token: ' ' }, /"u": the token is empty$/],
    ['with two tokens', { token: 'a\nb' }, /"u": the token has control characters$/],
    [
      'with a token and a password',
      { token: 'a', username: 'b' },
      /"u": username\/password or bearer token may be set, but not both$/,
    ],
    [
      'with half a certificate',
      { 'client-certificate-data': base64(one.cert) },
      /"u": a client certificate and its key come together, or not at all$/,
    ],
    [
      'with the key of another',
      { 'client-certificate-data': base64(one.cert), 'client-key-data': base64(two.key) },
      /"u": the key is not that of the client certificate$/,
    ],
    [
      'with what is no certificate',
      { 'client-certificate-data': base64('x'), 'client-key-data': base64(two.key) },
      /"u": .*PEM/,
    ],
    ['that acts as two lines', { as: 'a\nb' }, /"u": .*it has control characters$/],
    ['with a plug-in', { exec: { command: 'x' } }, /"u": exec is not supported$/],
  ];
  for (const [what, user, said] of rows)
    it(what, (t) => {
      const { fault } = folder(t);
      assert.match(fault(user), said);
      assert.match(fault(user), /^Cannot use kubeconfig .*\/kubeconfig: Cannot use user "u": /);
    });

  it('as is a file that is none, or not there', (t) => {
    const write = configFolder(t);
    const fault = (path: string): string => userError(() => webhookUsers(path));
    assert.match(fault(write('list', '[]')), /list: Cannot read kubeconfig: must be a map$/);
    assert.match(fault('/nowhere/kubeconfig'), /: Cannot read \/nowhere\/kubeconfig: ENOENT/);
  });
});
