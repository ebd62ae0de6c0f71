/**
 * A thousand canaries: words that lie in Secrets alone, and are looked for everywhere else.
 *
 * The store is the real one, on disk; its files are read as they are.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import { readEncryptionConfig } from '#apiserver/encryption/config.ts';
import type { EncryptionOptions } from '#apiserver/encryption/encryption.ts';
import type { Environment, Logger, LogValue } from '#base/env.ts';
import { constant } from '#base/live.ts';
import { readBody } from '#base/http/message.ts';
import { realEnvironment } from '#edge/environment.ts';
import { testServerOptions } from '#kit/server-options.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Store } from '#store/store.ts';

const CANARIES = 1_000;
const MARK = 'zq7canary';
const ENCRYPTED = 'k8s:enc:';
const SECRETS = '/api/v1/namespaces/default/secrets';
const CONFIG = `
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aesgcm: {keys: [{name: one, secret: ${randomBytes(32).toString('base64')}}]}
`;

/** Each word begins with the mark, and so has its base64, wherever it stands in a word. */
const FORMS = [0, 1, 2].map((shift) =>
  Buffer.from(`${'x'.repeat(shift)}${MARK}`)
    .toString('base64')
    .slice(shift === 0 ? 0 : 4, 8 + (shift === 0 ? 0 : 4)),
);

/** How often a canary is in `text`, plain or in base64. */
function canariesIn(text: string): number {
  return [MARK, ...FORMS].reduce((sum, form) => sum + text.split(form).length - 1, 0);
}

/** What everybody but the Secret's reader gets to see. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'coxswain-test-'));
  readonly logged: string[] = [];
  readonly refused: string[] = [];
  #store: Store | undefined;
  #server: ApiServer | undefined;

  async start(encryption?: EncryptionOptions): Promise<void> {
    const environment: Environment = {
      ...realEnvironment({ logLevel: 'debug' }),
      log: this.#log(),
    };
    this.#store = failing(await openSqliteStore({ directory: this.folder, environment }));
    this.#server = createApiServer({
      ...testServerOptions(),
      environment,
      store: this.#store,
      history: { keepSecrets: true },
      ...(encryption === undefined ? {} : { encryption }),
    });
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await this.#store?.close();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** As the administrator, unless `headers` say otherwise. */
  async call(
    request: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; text: string }> {
    const [method = '', url = ''] = request.split(' ');
    const response = await this.#server?.handler({
      method,
      url,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      ...('authorization' in headers
        ? {}
        : { peer: { component: { name: 'admin', groups: ['system:masters'] } } }),
    });
    assert.ok(response);
    const text = Buffer.from(await readBody(response.body)).toString();
    if (response.status >= 400) this.refused.push(text, ...Object.values(response.headers));
    return { status: response.status, text };
  }

  /** All bytes of the store, as text. */
  files(): string {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n');
  }

  #log(): Logger {
    const note = (message: string, values: Readonly<Record<string, LogValue>> = {}): void => {
      this.logged.push(`${message} ${JSON.stringify(values)}`);
    };
    const log: Logger = { debug: note, info: note, warn: note, error: note, with: () => log };
    return log;
  }
}

/** The name of a Secret that the store cannot take; what fails inside is logged. */
const BROKEN = 'broken';

function failing(store: Store): Store {
  const write = store.write.bind(store);
  store.write = (wanted) =>
    wanted.key.endsWith(`/${BROKEN}`) ? Promise.reject(new Error('the disk burns')) : write(wanted);
  return store;
}

const wordOf = (nth: number): string => `${MARK}-${nth}-${randomBytes(8).toString('hex')}`;

/** Makes, changes and deletes Secrets in every way, and does much that is refused. */
async function sing(world: World): Promise<void> {
  for (let nth = 0; nth < CANARIES; nth++) {
    const name = `secret-${nth}`;
    const word = wordOf(nth);
    const stringData = { word };
    const data = { word: Buffer.from(word).toString('base64') };
    const made = await world.call(`POST ${SECRETS}`, { metadata: { name }, stringData });
    assert.equal(made.status, 201, made.text);
    const path = `${SECRETS}/${name}`;
    if (nth % 3 === 0) await world.call(`PUT ${path}`, { metadata: { name }, data });
    if (nth % 3 === 1)
      await world.call(
        `PATCH ${path}`,
        { stringData: { other: wordOf(nth) }, immutable: true },
        { 'content-type': 'application/merge-patch+json' },
      );
    if (nth % 3 === 1) await world.call(`PUT ${path}`, { metadata: { name }, stringData });
    if (nth % 5 === 0)
      await world.call(
        `PATCH ${path}?fieldManager=singer&force=true`,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data },
        { 'content-type': 'application/apply-patch+yaml' },
      );
    if (nth % 7 === 0) await world.call(`DELETE ${path}`);
    if (nth % 10 === 0) await singWrong(world, nth);
  }
}

async function singWrong(world: World, nth: number): Promise<void> {
  const word = wordOf(nth);
  const stringData = { word };
  const metadata = { name: `wrong-${nth}` };
  await world.call(`POST ${SECRETS}`, { metadata: { name: 'NOT A NAME' }, stringData });
  await world.call(`POST ${SECRETS}`, { metadata, data: { word: `${word}!` } });
  await world.call(`POST ${SECRETS}`, { metadata, data: { word: { is: word } } });
  await world.call(`POST ${SECRETS}`, { metadata, type: 'kubernetes.io/tls', stringData });
  await world.call(`POST ${SECRETS}`, {
    metadata,
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': `{"auths": ${word}` },
  });
  await world.call(`POST ${SECRETS}?fieldValidation=Strict`, { metadata, stringData, other: 1 });
  await world.call(`PATCH ${SECRETS}/none`, [{ op: 'test', path: '/data/word', value: word }], {
    'content-type': 'application/json-patch+json',
  });
  await world.call(`PATCH ${SECRETS}/secret-1`, [{ op: 'test', path: '/type', value: word }], {
    'content-type': 'application/json-patch+json',
  });
  await world.call(`POST ${SECRETS}`, { metadata: { name: BROKEN }, stringData });
  // Tokens are secrets too, whether or not anybody knows them.
  await world.call(`GET ${SECRETS}`, undefined, { authorization: `Bearer ${word}` });
  await world.call(`GET ${SECRETS}`, undefined, {
    authorization: `Basic ${Buffer.from(`admin:${word}`).toString('base64')}`,
  });
  await world.call('POST /apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: word },
  });
}

describe('canaries in Secrets', () => {
  const world = new World();
  let metrics: string;
  before(async () => {
    await world.start({
      config: constant(readEncryptionConfig(CONFIG)),
      keyService: () => {
        throw new Error('there is no key service');
      },
    });
    await sing(world);
    ({ text: metrics } = await world.call('GET /metrics'));
    await world.stop();
  });
  after(() => world.remove());

  it('are nowhere in the files of the store', () => {
    const text = world.files();
    assert.ok(text.split(ENCRYPTED).length > CANARIES, 'the Secrets are in these files');
    assert.equal(canariesIn(text), 0);
  });

  it('are in files that nobody else may read', () => {
    for (const entry of readdirSync(world.folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile())
        assert.equal(statSync(join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name);
  });

  it('are not in the log', () => {
    assert.ok(world.logged.some((line) => line.startsWith('request failed')));
    assert.equal(canariesIn(world.logged.join('\n')), 0);
  });

  it('are not in what is said of requests that are refused', () => {
    assert.ok(world.refused.length > CANARIES / 2);
    const heard = world.refused.filter((text) => canariesIn(text) > 0);
    assert.deepEqual(heard.slice(0, 3), []);
  });

  it('are not in the metrics', () => {
    assert.match(metrics, /apiserver_request_total/);
    assert.equal(canariesIn(metrics), 0);
  });
});

describe('the search for canaries', () => {
  const world = new World();
  before(() => world.start());
  after(async () => {
    await world.stop();
    world.remove();
  });

  it('finds each that is not encrypted', async () => {
    const words = Array.from({ length: 20 }, (_, nth) => wordOf(nth));
    for (const [nth, word] of words.entries())
      await world.call(`POST ${SECRETS}`, { metadata: { name: `s-${nth}` }, stringData: { word } });
    assert.ok(canariesIn(world.files()) >= words.length);
  });

  it('finds a word in base64 wherever it stands', () => {
    for (const before of ['', 'a', 'ab', 'abc', 'abcd'])
      assert.equal(canariesIn(Buffer.from(`${before}${MARK}-tail`).toString('base64')), 1, before);
  });
});
