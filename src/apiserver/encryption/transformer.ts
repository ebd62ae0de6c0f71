/**
 * The transformer of an `EncryptionConfiguration`: which providers a key's value goes through.
 *
 * Source: upstream apiserver/pkg/server/options/encryptionconfig/config.go.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { parseDuration } from '#api/codec/duration.ts';
import type { AnyKind } from '#api/kind.ts';
import type { Environment } from '#base/env.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import type { ValueTransformer } from '#store/transforming.ts';
import { REGISTRY } from '../watch-cache/hub.ts';
import { aesCbc, aesGcm, type Cipher, type RandomBytes } from './ciphers.ts';
import type { EncryptionConfig, KeysConfig, ProviderConfig } from './config.ts';
import { type GroupResource, parseGroupResource } from './group-resource.ts';
import { KmsProvider } from './kms-provider.ts';
import type { EncryptionMetrics } from './metrics.ts';
import { IDENTITY, KeyedProvider, type Provider, ProviderChain } from './providers.ts';

export interface TransformerServices {
  readonly environment: Environment;
  readonly metrics: EncryptionMetrics;
  /** The road to a key service: the path of its socket. */
  readonly keyService: (socketPath: string) => GrpcChannel;
  readonly secretbox: MakeCipher;
}

export type MakeCipher = (secret: Uint8Array, random: RandomBytes) => Cipher;

const NANOS_PER_MS = 1e6;

/** All of a configuration. Its key services are asked once `start` is called. */
export class ConfiguredTransformer implements ValueTransformer {
  readonly keyServices: readonly KmsProvider[];
  readonly #resourceOf: (key: string) => GroupResource | undefined;
  readonly #rules: ReadonlyMap<string, ProviderChain>;

  /** `resourceOf`: of which resource the object at a key is. Throws ConfigError. */
  constructor(
    config: EncryptionConfig,
    services: TransformerServices,
    resourceOf: (key: string) => GroupResource | undefined,
  ) {
    this.#resourceOf = resourceOf;
    const providers = new Map<string, ProviderConfig[]>();
    for (const rule of config.resources)
      for (const name of rule.resources) {
        refuseMasked(name, providers);
        providers.set(name, [...(providers.get(name) ?? []), ...rule.providers]);
      }
    const keyServices = new Map<string, KmsProvider>();
    this.#rules = new Map(
      [...providers].map(([name, list]) => {
        const { group, resource } = parseGroupResource(name);
        const chain = new ProviderChain(providersOf(list, services, keyServices), services.metrics);
        return [ruleName(group, resource), chain];
      }),
    );
    this.keyServices = [...keyServices.values()];
  }

  async start(): Promise<void> {
    await Promise.all(this.keyServices.map((service) => service.start()));
  }

  stop(): void {
    for (const service of this.keyServices) service.stop();
  }

  /** As `wrong`, asked for anew where the last answers are old. */
  async check(): Promise<string | undefined> {
    await Promise.all(this.keyServices.map((service) => service.check()));
    return this.wrong;
  }

  /** What is wrong with the key services; undefined: nothing. */
  get wrong(): string | undefined {
    const errors = this.keyServices.flatMap(({ wrong }, i) =>
      wrong === undefined ? [] : [`kms-provider-${i}: ${wrong}`],
    );
    if (errors.length === 0) return undefined;
    return errors.length === 1 ? errors.join('') : `[${errors.join(', ')}]`;
  }

  toStorage(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const found = this.#find(key);
    return found === undefined ? value : found.chain.encrypt(value, key, found.resource);
  }

  fromStorage(key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const found = this.#find(key);
    return found === undefined ? stored : found.chain.decrypt(stored, key, found.resource);
  }

  isStale(key: string, stored: Uint8Array): boolean {
    return this.#find(key)?.chain.isStale(stored) ?? false;
  }

  /** The rule that is nearest: of the resource, of its group, of all. */
  #find(key: string): { readonly chain: ProviderChain; readonly resource: string } | undefined {
    const found = this.#resourceOf(key);
    if (found === undefined) return undefined;
    const { group, resource } = found;
    const chain =
      this.#rules.get(ruleName(group, resource)) ??
      this.#rules.get(ruleName(group, '*')) ??
      this.#rules.get(ruleName('*', '*'));
    if (chain === undefined) return undefined;
    return { chain, resource: group === '' ? resource : `${resource}.${group}` };
  }
}

function ruleName(group: string, resource: string): string {
  return `${resource}.${group}`;
}

/** A rule behind one that takes all it could have. */
function refuseMasked(name: string, known: ReadonlyMap<string, unknown>): void {
  const { group } = parseGroupResource(name);
  const masking = [`*.${group}`, '*.*'].find((earlier) => known.has(earlier));
  if (masking !== undefined)
    throw new ConfigError(
      `error while building transformers: resource ${JSON.stringify(name)} is masked by earlier rule ${JSON.stringify(masking)}`,
    );
}

interface Keyed {
  readonly prefix: string;
  readonly what: string;
  readonly cipher: MakeCipher;
  readonly keys: KeysConfig;
}

/** In order; keys of one kind that come in several elements are those of the first one. */
function providersOf(
  list: readonly ProviderConfig[],
  services: TransformerServices,
  keyServices: Map<string, KmsProvider>,
): Provider[] {
  const { random } = services.environment;
  const ciphers = new Map<string, { what: string; keys: { name: string; cipher: Cipher }[] }>();
  const made = new Map<string, () => Provider>();
  for (const config of list) {
    const keyed = keyedOf(config, services.secretbox);
    if (keyed !== undefined) {
      const { prefix, what, cipher, keys } = keyed;
      const all = ciphers.get(prefix) ?? { what, keys: [] };
      for (const { name, secret } of keys.keys ?? [])
        all.keys.push({ name, cipher: cipher(Buffer.from(secret, 'base64'), random) });
      ciphers.set(prefix, all);
      made.set(prefix, () => new KeyedProvider(prefix, all.what, all.keys));
    } else if (config.kms !== undefined) {
      const provider = keyServiceOf(config.kms, services, keyServices);
      made.set(provider.prefix, () => provider);
    } else made.set(IDENTITY.prefix, () => IDENTITY);
  }
  return [...made.values()].map((make) => make());
}

function keyedOf(
  { aesgcm, aescbc, secretbox: box }: ProviderConfig,
  secretbox: MakeCipher,
): Keyed | undefined {
  if (aesgcm !== undefined)
    return { prefix: 'k8s:enc:aesgcm:v1:', what: 'AES', cipher: aesGcm, keys: aesgcm };
  if (aescbc !== undefined)
    return { prefix: 'k8s:enc:aescbc:v1:', what: 'AES', cipher: aesCbc, keys: aescbc };
  if (box === undefined) return undefined;
  return { prefix: 'k8s:enc:secretbox:v1:', what: 'Secretbox', cipher: secretbox, keys: box };
}

/** One for all resources of its rule. */
function keyServiceOf(
  { name, endpoint, timeout }: NonNullable<ProviderConfig['kms']>,
  { environment, metrics, keyService }: TransformerServices,
  known: Map<string, KmsProvider>,
): KmsProvider {
  const found = known.get(name);
  if (found !== undefined) return found;
  const provider = new KmsProvider({
    name,
    timeoutMs: parseDuration(timeout) / NANOS_PER_MS,
    channel: keyService(endpoint.replace(/^unix:(\/\/)?/i, '')),
    environment,
    metrics,
  });
  known.set(name, provider);
  return provider;
}

/**
 * Of which resource the object at a key is, as the configuration names it: where a resource is
 * served by two groups, the one that it is stored under. Undefined for what is no object.
 */
export function resourcesByKey(
  builtIn: readonly AnyKind[],
): (key: string) => GroupResource | undefined {
  const byPrefix = new Map<string, GroupResource>();
  for (const { group, plural, storagePrefix, storedAs } of builtIn)
    if (!byPrefix.has(storagePrefix) || storedAs === undefined)
      byPrefix.set(storagePrefix, { group: storedAs?.group ?? group, resource: plural });
  return (key) => {
    const [first = '', second = '', third] = key.slice(REGISTRY.length).split('/', 3);
    const found = byPrefix.get(first) ?? byPrefix.get(`${first}/${second}`);
    if (found !== undefined) return found;
    // Custom resources lie below their group, which has a dot.
    if (third === undefined || !first.includes('.')) return undefined;
    return { group: first, resource: second };
  };
}
