import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import type { Client } from '#client/client.ts';
import { nodeIdentity } from '#client/in-process.ts';
import { clientWith } from '#kit/client.ts';
import { issuePair } from '#kit/certificates.ts';
import { JoinWorld, testAuthority } from '#kit/join-world.ts';
import { AuthorityLoop, type AuthorityLoopOptions, pinsText } from './authority-loop.ts';
import { AUTHORITIES_ANNOTATION } from './join-names.ts';

const LIFE = { notBeforeMs: 0, notAfterMs: Date.UTC(2040, 0, 1) };
let world: JoinWorld;
let stop: AbortController;

beforeEach(async () => {
  world = await JoinWorld.start();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await world.stop();
});

/** As the cluster says it; other fields of the ConfigMap stay. */
async function tell(authority: string): Promise<void> {
  const data = Buffer.from(authority).toString('base64');
  const cluster = { server: 'https://192.0.2.10:6443', 'certificate-authority-data': data };
  const kubeconfig = JSON.stringify({ clusters: [{ name: '', cluster }] });
  const target = { name: 'cluster-info', namespace: 'kube-public' };
  await world.run(world.admin.patch(CONFIG_MAP, target, 'merge', { data: { kubeconfig } }));
}

function follow(over: Partial<AuthorityLoopOptions> = {}) {
  const told: string[] = [];
  const loop = new AuthorityLoop({
    environment: world.environment,
    client: world.as(nodeIdentity('joined')),
    node: 'joined',
    authority: world.authority.certificate,
    shownCertificate: () => issuePair(world.authority, LIFE).certificate,
    follows: true,
    onAuthority: (text) => told.push(text),
    ...over,
  });
  return { told, ended: loop.run(stop.signal) };
}

async function annotation(): Promise<string | undefined> {
  const node = await world.run(world.admin.get(NODE, 'joined'));
  return node.metadata?.annotations?.[AUTHORITIES_ANNOTATION];
}

const createNode = () => world.run(world.admin.create(NODE, { metadata: { name: 'joined' } }));

describe('a node that follows the authority of its cluster', () => {
  it('takes over what the cluster says, with the rights of a node, once', async () => {
    const { certificate } = world.authority;
    const second = testAuthority().certificate;
    const { told, ended } = follow();
    await world.environment.advance(60_000);
    assert.deepEqual(told, []);
    await tell(certificate + second);
    await world.environment.advance(16_000);
    assert.deepEqual(told, [certificate + second]);
    await world.environment.resolve(ended);
    await tell(certificate);
    await world.environment.advance(60_000);
    assert.equal(told.length, 1);
  });

  it('takes another order for news: the first one signs', async () => {
    const second = testAuthority().certificate;
    const { certificate } = world.authority;
    await tell(certificate + second);
    const { told } = follow({ authority: certificate + second });
    await world.environment.advance(16_000);
    assert.deepEqual(told, []);
    await tell(second + certificate);
    await world.environment.advance(16_000);
    assert.deepEqual(told, [second + certificate]);
  });

  it('does not believe what would cut it off, nor too many, nor nonsense', async () => {
    const { certificate } = world.authority;
    const { told } = follow();
    for (const text of [
      testAuthority().certificate,
      'nonsense',
      certificate + Array.from({ length: 8 }, () => testAuthority().certificate).join(''),
    ]) {
      await tell(text);
      await world.environment.advance(40_000);
    }
    assert.deepEqual(told, []);
    const seven =
      certificate + Array.from({ length: 7 }, () => testAuthority().certificate).join('');
    await tell(seven);
    await world.environment.advance(16_000);
    assert.deepEqual(told, [seven]);
  });

  it('is told by who made it where it did not join', async () => {
    await createNode();
    const { told } = follow({ follows: false });
    await tell(world.authority.certificate + testAuthority().certificate);
    await world.environment.advance(60_000);
    assert.deepEqual(told, []);
    assert.equal(await annotation(), pinsText(world.authority.certificate));
  });
});

describe('what a Node tells of the authorities that its process believes', () => {
  it('comes once there is a Node, and again where it was lost', async () => {
    const own = world.as(nodeIdentity('joined'));
    let patches = 0;
    const client = clientWith(own, {
      patch: (...call: Parameters<typeof own.patch>) => {
        patches++;
        return own.patch(...call);
      },
    } as Partial<Client>);
    const { told } = follow({ client });
    await world.environment.advance(16_000);
    await createNode();
    await world.environment.advance(16_000);
    const pins = pinsText(world.authority.certificate);
    assert.match(pins, /^sha256:[0-9a-f]{64}$/);
    assert.equal(await annotation(), pins);
    const annotations = { [AUTHORITIES_ANNOTATION]: 'other' };
    const target = { name: 'joined' };
    await world.run(world.admin.patch(NODE, target, 'merge', { metadata: { annotations } }));
    await world.environment.advance(16_000);
    assert.equal(await annotation(), pins);
    const before = patches;
    await world.environment.advance(60_000);
    assert.equal(patches, before);
    assert.deepEqual(told, []);
  });

  it('comes when its own certificate is of the one that signs', async () => {
    await createNode();
    const next = testAuthority();
    const both = next.certificate + world.authority.certificate;
    await tell(both);
    let shown = issuePair(world.authority, LIFE).certificate;
    follow({ authority: both, shownCertificate: () => shown });
    await world.environment.advance(60_000);
    assert.equal(await annotation(), undefined);
    shown = issuePair(next, LIFE).certificate;
    await world.environment.advance(16_000);
    assert.equal(await annotation(), pinsText(both));
  });
});
