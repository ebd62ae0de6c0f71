/** `cox token` against an API server: what is made, listed and refused. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SECRET } from '#api/core/secret.ts';
import { parseBootstrapToken } from '#api/core/bootstrap-token.ts';
import { NODE } from '#api/core/node.ts';
import { certificateKeyPins } from '#kubelet/bootstrap/key-pins.ts';
import { JoinWorld } from '#kit/join-world.ts';
import { UserError } from '../user-error.ts';
import {
  CREATE_DEFAULTS,
  type CreateFlags,
  createToken,
  deleteTokens,
  generateToken,
  listTokens,
} from './command.ts';

describe('cox token', () => {
  let world: JoinWorld;
  before(async () => {
    world = await JoinWorld.start();
  });
  after(() => world.stop());

  const parts = () => ({ client: world.admin, environment: world.environment });
  const create = (text?: string, flags: Partial<CreateFlags> = {}): Promise<string> =>
    world.run(createToken(text, { ...CREATE_DEFAULTS, ...flags }, parts()));
  const fields = async (id: string): Promise<Record<string, string>> => {
    const secret = await world.run(world.admin.get(SECRET, `bootstrap-token-${id}`, 'kube-system'));
    assert.equal(secret.type, 'bootstrap.kubernetes.io/token');
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([name, value]) => [
        name,
        Buffer.from(value, 'base64').toString(),
      ]),
    );
  };
  const refuses = (promise: Promise<unknown>, pattern: RegExp): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof UserError && pattern.test(error.message));

  it('makes a token that a machine can join by for a day', async () => {
    const text = await create();
    const token = parseBootstrapToken(text.trimEnd());
    assert.ok(token !== undefined, text);
    const endMs = world.environment.clock.now() + 24 * 60 * 60_000;
    assert.deepEqual(await fields(token.id), {
      'token-id': token.id,
      'token-secret': token.secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      expiration: `${new Date(endMs).toISOString().slice(0, 19)}Z`,
    });
    const node = world.run(world.withToken(text.trimEnd()).get(NODE, 'none'));
    await assert.rejects(node, /not found/);
  });

  it('makes it as it is told', async () => {
    await create('aaaaaa.1234567890123456', {
      ttl: '0',
      usages: ['authentication'],
      groups: ['system:bootstrappers:a', 'system:bootstrappers:b'],
      description: 'for the cellar',
    });
    assert.deepEqual(await fields('aaaaaa'), {
      'token-id': 'aaaaaa',
      'token-secret': '1234567890123456',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:a,system:bootstrappers:b',
      description: 'for the cellar',
    });
  });

  it('prints the command to join by', async () => {
    const [pin = ''] = certificateKeyPins(world.authority.certificate);
    assert.equal(
      await create('bbbbbb.1234567890123456', { printJoinCommand: true }),
      `cox join 192.0.2.10:6443 --token bbbbbb.1234567890123456 --discovery-token-ca-cert-hash ${pin}\n`,
    );
  });

  const bad: readonly (readonly [string | undefined, Partial<CreateFlags>, RegExp])[] = [
    ['ABCDEF.1234567890123456', {}, /a token is six and sixteen/],
    ['abcdef.0123456789abcdef', {}, /token with id "abcdef": there is one/],
    [undefined, { ttl: 'soon' }, /--ttl "soon"/],
    [undefined, { ttl: '-1h' }, /--ttl "-1h"/],
    [undefined, { usages: ['reading'] }, /usage "reading"/],
    [undefined, { groups: ['system:masters'] }, /group "system:masters"/],
    [undefined, { usages: ['signing'] }, /does not authenticate/],
  ];
  for (const [text, flags, pattern] of bad) {
    it(`refuses ${text ?? JSON.stringify(flags)}`, () => refuses(create(text, flags), pattern));
  }

  it('lists tokens by id, with the time they have left', async () => {
    const lister = await JoinWorld.start();
    const own = { client: lister.admin, environment: lister.environment };
    const make = (text: string, flags: Partial<CreateFlags>) =>
      lister.run(createToken(text, { ...CREATE_DEFAULTS, ...flags }, own));
    await make('bbbbbb.1234567890123456', { ttl: '90m', description: 'a\nb' });
    await make('aaaaaa.1234567890123456', { usages: ['signing'], groups: [], ttl: '50h' });
    const lines = (await lister.run(listTokens(own))).split('\n');
    const cells = lines.slice(0, 4).map((line) => line.split(/ {2,}/));
    assert.deepEqual(cells, [
      ['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'],
      ['aaaaaa.1234567890123456', '2d', cells[1]?.[2], 'signing', '<none>', '<none>'],
      [
        'abcdef.0123456789abcdef',
        '<forever>',
        '<never>',
        'authentication,signing',
        '<none>',
        'system:bootstrappers:kubeadm:default-node-token',
      ],
      [
        'bbbbbb.1234567890123456',
        '1h',
        cells[3]?.[2],
        'authentication,signing',
        'a b',
        'system:bootstrappers:kubeadm:default-node-token',
      ],
    ]);
    await lister.stop();
  });

  it('lists nothing where there is none', async () => {
    const lister = await JoinWorld.start();
    const own = { client: lister.admin, environment: lister.environment };
    await lister.run(deleteTokens(['abcdef'], own));
    assert.equal(await lister.run(listTokens(own)), '');
    await lister.stop();
  });

  it('deletes by id and by the whole token, and refuses what is none', async () => {
    await create('cccccc.1234567890123456');
    await create('dddddd.1234567890123456');
    const gone = await world.run(deleteTokens(['cccccc', 'dddddd.1234567890123456'], parts()));
    assert.equal(gone, 'bootstrap token "cccccc" deleted\nbootstrap token "dddddd" deleted\n');
    await refuses(world.run(deleteTokens(['cccccc'], parts())), /token "cccccc": there is none/);
    await refuses(world.run(deleteTokens(['CCCCCC'], parts())), /give the id of a token/);
  });

  it('prefers no letter: bytes beyond the last whole alphabet are not taken', () => {
    const bytes = [252, 255, 251, 0];
    const random = {
      next: () => 0,
      uuid: () => '',
      bytes: (count: number) => Uint8Array.from({ length: count }, () => bytes.shift() ?? 1),
    };
    assert.match(generateToken(random), /^9abbbb\./);
  });

  it('generates tokens that differ, of all letters and digits', () => {
    const random = world.environment.random;
    const tokens = Array.from({ length: 200 }, () => generateToken(random));
    assert.equal(new Set(tokens).size, 200);
    for (const token of tokens) assert.match(token, /^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
    assert.equal(new Set(tokens.join('').replaceAll(/[.\n]/g, '')).size, 36);
  });
});
