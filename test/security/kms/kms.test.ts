/**
 * Encryption at rest by a KMS plug-in in a process of its own, over a unix socket, with the flags of
 * `cox apiserver` and the real store: its keys change, it is killed, and comes back.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ConfigFiles } from '#cli/apiserver/config-files.ts';
import { encryptionOptions } from '#cli/apiserver/encryption-options.ts';
import { API_SERVER } from '#cli/apiserver/flags.ts';
import { parseFlags } from '#cli/flags.ts';
import { AheadTime } from '#kit/ahead-time.ts';
import type { Reply } from '#kit/api-server.ts';
import { RealTimeServer } from '#kit/real-time-server.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';

const PLUG_IN = fileURLToPath(new URL('plug-in.ts', import.meta.url));
const SECRETS = '/api/v1/namespaces/default/secrets';
const CANARY = 'zq7canary';
/** The service is asked how it is as often as this. */
const OLD_MS = 60_000;
/** Longer than it is written with a key that the service did not name again. */
const EXPIRED_MS = 181_000;

class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'cox-kms-'));
  readonly socket = join(this.folder, 'kms.sock');
  readonly keysFile = join(this.folder, 'keys.json');
  readonly #keys: Record<string, string> = {};
  readonly #time = new AheadTime();
  #plugIn: ChildProcess | undefined;
  #server: RealTimeServer | undefined;

  /** The service's key from now on; what others sealed it opens too. */
  useKey(id: string): void {
    this.#keys[id] ??= randomBytes(32).toString('base64');
    writeFileSync(this.keysFile, JSON.stringify({ current: id, keys: this.#keys }));
  }

  async startPlugIn(): Promise<void> {
    const args = [PLUG_IN, this.socket, this.keysFile];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#plugIn = child;
    assert.ok(child.stdout);
    await once(child.stdout, 'data');
  }

  async killPlugIn(): Promise<void> {
    const child = this.#plugIn;
    this.#plugIn = undefined;
    if (child === undefined) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  async startServer(): Promise<void> {
    const config = join(this.folder, 'encryption.yaml');
    const kms = `{apiVersion: v2, name: vault, endpoint: "unix://${this.socket}", timeout: 1s}`;
    writeFileSync(
      config,
      `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- {resources: [secrets], providers: [{kms: ${kms}}]}\n`,
    );
    const flags = parseFlags(API_SERVER, [`--encryption-provider-config=${config}`]);
    const time = this.#time;
    const { environment } = time;
    const store = await openSqliteStore({ directory: join(this.folder, 'store'), environment });
    const options = encryptionOptions(flags, new ConfigFiles());
    this.#server = await RealTimeServer.start({ time, store, ...options });
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  advance(ms: number): void {
    this.#time.advance(ms);
  }

  /** Asks until the health of key services has this status. */
  async health(status: number): Promise<void> {
    while ((await this.call('GET /healthz/kms-providers')).status !== status) await setImmediate();
  }

  async call(request: string, body?: object): Promise<Reply> {
    assert.ok(this.#server);
    return this.#server.call(request, body);
  }

  create(name: string): Promise<Reply> {
    return this.call(`POST ${SECRETS}`, { metadata: { name }, stringData: { word: CANARY } });
  }

  async word(name: string): Promise<string> {
    const { body } = await this.call(`GET ${SECRETS}/${name}`);
    return Buffer.from(body.data?.word ?? '', 'base64').toString();
  }

  /** All bytes of the store. */
  bytes(): string {
    return readdirSync(join(this.folder, 'store'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n');
  }

  async close(): Promise<void> {
    await this.stopServer();
    await this.killPlugIn();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe('a KMS plug-in in a process of its own', { timeout: 120_000 }, () => {
  let world: World;
  before(async () => {
    world = new World();
    world.useKey('key-1');
    await world.startPlugIn();
    await world.startServer();
  });
  after(() => world.close());

  it('seals what is written; the store has none of it', async () => {
    assert.equal((await world.create('one')).status, 201);
    assert.equal(await world.word('one'), CANARY);
    const bytes = world.bytes();
    assert.ok(bytes.includes('k8s:enc:kms:v2:vault:'));
    assert.equal(bytes.includes(CANARY), false);
    assert.equal(bytes.includes(Buffer.from(CANARY).toString('base64')), false);
    assert.equal((await world.call('GET /healthz/kms-providers')).status, 200);
  });

  it('names another key, which is taken without a start', async () => {
    world.useKey('key-2');
    world.advance(OLD_MS);
    for (let nth = 0; !world.bytes().includes('key-2'); nth++)
      assert.equal((await world.create(`try-${nth}`)).status, 201);
    assert.equal((await world.create('two')).status, 201);
    assert.deepEqual([await world.word('one'), await world.word('two')], [CANARY, CANARY]);
  });

  it('killed, is told of; reads go on, and writes only for three minutes', async () => {
    await world.killPlugIn();
    world.advance(OLD_MS);
    await world.health(500);
    assert.equal((await world.call('GET /livez')).status, 200);
    assert.equal((await world.call('GET /readyz')).status, 500);
    assert.equal((await world.create('meanwhile')).status, 201);
    world.advance(EXPIRED_MS);
    const late = await world.create('late');
    assert.equal(late.status, 500);
    assert.match(late.body.message, /encryptedDEKSource with keyID hash "sha256:.*" expired at /);
    assert.deepEqual(
      await Promise.all(['one', 'two', 'meanwhile'].map((name) => world.word(name))),
      [CANARY, CANARY, CANARY],
    );
  });

  it('comes back on a new socket, and is used again', async () => {
    await world.startPlugIn();
    world.advance(OLD_MS);
    await world.health(200);
    assert.equal((await world.call('GET /readyz')).status, 200);
    assert.equal((await world.create('late')).status, 201);
  });

  it('is asked for the keys of before by a server that starts anew', async () => {
    await world.stopServer();
    await world.startServer();
    const words = await Promise.all(
      ['one', 'two', 'meanwhile', 'late'].map((name) => world.word(name)),
    );
    assert.deepEqual(new Set(words), new Set([CANARY]));
  });

  it('that has lost a key leaves what it sealed unread, and the server does not start', async () => {
    await world.stopServer();
    writeFileSync(
      world.keysFile,
      JSON.stringify({ current: 'key-3', keys: { 'key-3': randomBytes(32).toString('base64') } }),
    );
    await assert.rejects(world.startServer(), /failed to decrypt DEK.*there is no key key-[12]/);
  });
});
