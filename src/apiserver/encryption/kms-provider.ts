/**
 * A key service (KMS version 2): it encrypts data keys, and never sees a value.
 *
 * One seed is made, encrypted by the service, and used for all writes until the service names
 * another key. The service is asked every minute how it is and which key is its; where it does not
 * answer, what was written can be read (data keys are remembered), and for three minutes be written.
 *
 * Source: KEP-3299; upstream apiserver/pkg/storage/value/encrypt/envelope/kmsv2/envelope.go and
 * server/options/encryptionconfig/config.go.
 */
import { createHash } from 'node:crypto';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import { timeText } from '#api/meta/time.ts';
import { aesGcm, type Cipher, seededAesGcm } from './ciphers.ts';
import {
  checkSource,
  type DataKeySource,
  decodeEncryptedObject,
  encodeEncryptedObject,
  KMS,
  KMS_SERVICE,
  type KmsMessage,
  SEED_TYPE,
  wrongKeyId,
} from './kms-messages.ts';
import { hashLabel } from '../metrics/config-metrics.ts';
import type { EncryptionMetrics } from './metrics.ts';
import type { Provider } from './providers.ts';

const HEALTHY_MS = 60_000;
const UNHEALTHY_MS = 10_000;
/** So long an answer is good enough for who looks whether the service is well, and a bad one. */
const WELL_FOR_MS = 20_000;
const UNWELL_FOR_MS = 3_000;
const WRITES_FOR_MS = 180_000;
const SEED_BYTES = 32;
/** Data keys that are remembered; the one that was used longest ago is asked for again. */
const DATA_KEYS_MAX = 1000;
const VERSIONS: readonly string[] = ['v2', 'v2beta1'];

export interface KmsOptions {
  readonly name: string;
  /** Of each call. */
  readonly timeoutMs: number;
  readonly channel: GrpcChannel;
  readonly environment: Environment;
  readonly metrics: EncryptionMetrics;
}

interface WriteKey {
  readonly source: DataKeySource;
  readonly cipher: Cipher;
  /** By the wall clock. */
  untilMs: number;
}

export class KmsProvider implements Provider {
  readonly prefix: string;
  readonly #options: KmsOptions;
  readonly #dataKeys = new Map<string, Cipher>();
  /** Asked for, and not there yet. */
  readonly #asked = new Map<string, Promise<Cipher>>();
  readonly #over = new AbortController();
  #writeKey: WriteKey | undefined;
  #version: string | undefined;
  #wrong: string | undefined = 'not asked yet';
  /** Monotonic. */
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(options: KmsOptions) {
    this.#options = options;
    this.prefix = `k8s:enc:kms:v2:${options.name}:`;
  }

  /** What is wrong with the service, as of the last time it was asked; undefined: nothing. */
  get wrong(): string | undefined {
    return this.#wrong;
  }

  /** Asks now, and from time to time until `stop`. Resolves when the first answer is there. */
  async start(): Promise<void> {
    await this.#ask();
    void this.#askOn();
  }

  /** What is wrong, asked for anew where the last answer is old. */
  async check(): Promise<string | undefined> {
    const ageMs = this.#options.environment.clock.monotonicMs() - this.#askedMs;
    if (ageMs >= (this.#wrong === undefined ? WELL_FOR_MS : UNWELL_FOR_MS)) await this.#ask();
    return this.#wrong;
  }

  stop(): void {
    this.#over.abort();
    this.#options.channel.close();
  }

  encrypt(value: Uint8Array, key: string): Uint8Array {
    const { environment, metrics, name } = this.#options;
    const writeKey = this.#writeKey;
    if (writeKey === undefined) throw new Error(this.#wrong ?? 'got unexpected nil transformer');
    const { source, cipher, untilMs } = writeKey;
    const now = environment.clock.now();
    if (now > untilMs)
      throw new Error(
        `encryptedDEKSource with keyID hash ${JSON.stringify(hashLabel(source.keyId))} expired at ${timeText(untilMs)} (current time is ${timeText(now)})`,
      );
    this.#remember(nameOf(source), cipher);
    metrics.usedKey('to_storage', name, source.keyId);
    return encodeEncryptedObject(source, cipher.encrypt(value, key));
  }

  decrypt(stored: Uint8Array, key: string): Uint8Array | Promise<Uint8Array> {
    const { metrics, name } = this.#options;
    const { source, data } = decodeEncryptedObject(stored);
    const open = (cipher: Cipher): Uint8Array => {
      metrics.usedKey('from_storage', name, source.keyId);
      return cipher.decrypt(data, key);
    };
    const known = this.#dataKeys.get(nameOf(source));
    return known === undefined ? this.#dataKey(source).then(open) : open(known);
  }

  isStale(stored: Uint8Array): boolean {
    const { source } = decodeEncryptedObject(stored);
    const current = this.#writeKey?.source;
    return source.keyId !== current?.keyId || source.type !== current.type;
  }

  /** Asks the service for a data key, once for all who want it. */
  #dataKey(source: DataKeySource): Promise<Cipher> {
    const id = nameOf(source);
    const asked = this.#asked.get(id);
    if (asked !== undefined) return asked;
    this.#options.metrics.missed();
    const asking = this.#decrypted(source).finally(() => this.#asked.delete(id));
    this.#asked.set(id, asking);
    return asking;
  }

  async #decrypted(source: DataKeySource): Promise<Cipher> {
    const { environment } = this.#options;
    const { random } = environment;
    const { plaintext = new Uint8Array(0) } = await this.#call('Decrypt', {
      ciphertext: source.encrypted,
      uid: random.uuid(),
      keyId: source.keyId,
      annotations: source.annotations,
    }).catch((error: unknown) => {
      throw new Error(`failed to decrypt DEK, error: ${messageOf(error)}`, { cause: error });
    });
    checkKey(plaintext, source.type);
    const cipher =
      source.type === SEED_TYPE ? seededAesGcm(plaintext, random) : aesGcm(plaintext, random);
    this.#remember(nameOf(source), cipher);
    return cipher;
  }

  #remember(id: string, cipher: Cipher): void {
    this.#dataKeys.delete(id);
    this.#dataKeys.set(id, cipher);
    const [oldest] = this.#dataKeys.keys();
    if (this.#dataKeys.size > DATA_KEYS_MAX && oldest !== undefined) this.#dataKeys.delete(oldest);
    this.#options.metrics.remembers(this.#options.name, this.#dataKeys.size);
  }

  async #askOn(): Promise<void> {
    const { environment } = this.#options;
    const { signal } = this.#over;
    for (;;) {
      await sleep(environment, this.#wrong === undefined ? HEALTHY_MS : UNHEALTHY_MS, signal);
      if (signal.aborted) return;
      await this.#ask();
    }
  }

  /** Once for all who want to know. */
  #ask(): Promise<void> {
    this.#asking ??= this.#askNow().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askNow(): Promise<void> {
    const { name, environment } = this.#options;
    this.#wrong = await this.#wrongNow();
    this.#askedMs = environment.clock.monotonicMs();
    if (this.#wrong !== undefined)
      environment.log.warn('a key service is not well', { name, error: this.#wrong });
  }

  async #wrongNow(): Promise<string | undefined> {
    const { name } = this.#options;
    let status: KmsMessage<'StatusResponse'>;
    try {
      status = await this.#call('Status', {});
    } catch (error) {
      return `failed to perform status section of the healthz check for KMS Provider ${name}, error: ${messageOf(error)}`;
    }
    const errors = [...this.#wrongStatus(status), ...(await this.#wrongKey(status.keyId ?? ''))];
    if (errors.length === 0) return undefined;
    const text = errors.length === 1 ? errors.join('') : `[${errors.join(', ')}]`;
    return `kmsv2 Provider ${name} is not healthy, error: ${text}`;
  }

  #wrongStatus({ healthz = '', version = '' }: KmsMessage<'StatusResponse'>): string[] {
    const errors = healthz === 'ok' ? [] : [`got unexpected healthz status: ${healthz}`];
    if (!VERSIONS.includes(version))
      return [...errors, `expected KMSv2 API version v2, got ${version}`];
    this.#version ??= version;
    if (version !== this.#version)
      errors.push(
        `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
      );
    return errors;
  }

  /** Goes on with the seed where the key is the same, else makes a new one. */
  async #wrongKey(keyId: string): Promise<string[]> {
    const { name, environment, metrics } = this.#options;
    const wrong = wrongKeyId(keyId);
    if (wrong !== undefined) {
      metrics.namedInvalidKey(name, wrong.code);
      return [`got invalid KMSv2 KeyID hash ${JSON.stringify(hashLabel(keyId))}: ${wrong.message}`];
    }
    metrics.namedKey(name, keyId);
    const untilMs = environment.clock.now() + WRITES_FOR_MS;
    if (this.#writeKey?.source.keyId === keyId) {
      this.#writeKey.untilMs = untilMs;
      return [];
    }
    try {
      const made = await this.#newKey();
      if (made.source.keyId !== keyId)
        return [
          `failed to rotate DEK, statusKeyIDHash=${JSON.stringify(hashLabel(keyId))}, encryptKeyIDHash=${JSON.stringify(hashLabel(made.source.keyId))}`,
        ];
      this.#writeKey = { ...made, untilMs };
      return [];
    } catch (error) {
      return [`failed to rotate DEK, errGen=${messageOf(error)}`];
    }
  }

  async #newKey(): Promise<Pick<WriteKey, 'source' | 'cipher'>> {
    const { environment, metrics } = this.#options;
    const { random } = environment;
    const seed = metrics.dataKeys.made(() => random.bytes(SEED_BYTES));
    const answer = await this.#call('Encrypt', { plaintext: seed, uid: random.uuid() }).catch(
      (error: unknown) => {
        throw new Error(`failed to encrypt DEK, error: ${messageOf(error)}`, { cause: error });
      },
    );
    const { ciphertext: encrypted = new Uint8Array(0), keyId = '', annotations = {} } = answer;
    const source = { keyId, encrypted, annotations, type: SEED_TYPE };
    checkSource(source);
    return { source, cipher: seededAesGcm(seed, random) };
  }

  async #call<M extends 'Status' | 'Encrypt' | 'Decrypt'>(
    method: M,
    message: KmsMessage<`${M}Request`>,
  ): Promise<KmsMessage<`${M}Response`>> {
    const { name, timeoutMs, channel, environment, metrics } = this.#options;
    const path = `${KMS_SERVICE}/${method}`;
    const startMs = environment.clock.monotonicMs();
    try {
      const request = KMS.encode(`${method}Request` as const, message);
      const answer = await channel.unary(path, request, { timeoutMs, signal: this.#over.signal });
      metrics.called(name, path, startMs);
      return KMS.decode(`${method}Response` as const, answer);
    } catch (error) {
      metrics.called(name, path, startMs, error);
      throw error;
    }
  }
}

/** Of a data key: no other has it. */
function nameOf({ keyId, encrypted, annotations, type }: DataKeySource): string {
  const hash = createHash('sha256');
  const add = (part: Uint8Array | string): void => {
    const bytes = Buffer.from(part);
    hash.update(`${bytes.length}:`).update(bytes);
  };
  add(String(type));
  add(keyId);
  add(encrypted);
  for (const [key, value] of Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    add(key);
    add(value);
  }
  return hash.digest('base64');
}

function checkKey(plain: Uint8Array, type: number): void {
  const fits =
    type === SEED_TYPE ? plain.length >= SEED_BYTES : [16, 24, 32].includes(plain.length);
  if (!fits) throw new Error(`invalid length ${plain.length} of a data key`);
}
