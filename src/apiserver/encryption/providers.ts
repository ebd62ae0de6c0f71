/**
 * The providers of a resource in order: the first encrypts, each decrypts what begins with its
 * prefix.
 *
 * Source: upstream apiserver/pkg/storage/value/transformer.go and
 * server/options/encryptionconfig/config.go.
 */
import { type Cipher, startsWith } from './ciphers.ts';
import type { EncryptionMetrics } from './metrics.ts';

export interface Provider {
  /** What stands before its values; empty for values as they are. */
  readonly prefix: string;
  /** Gives what stands behind the prefix. */
  encrypt(value: Uint8Array, key: string): Uint8Array | Promise<Uint8Array>;
  /** Takes what stands behind the prefix. */
  decrypt(stored: Uint8Array, key: string): Uint8Array | Promise<Uint8Array>;
  /** Whether it would be encrypted with another key now; takes what stands behind the prefix. */
  isStale(stored: Uint8Array): boolean;
}

/** Ciphers by the names of their keys: the first encrypts. `what`: for the message. */
export class KeyedProvider implements Provider {
  readonly prefix: string;
  readonly #what: string;
  readonly #keys: readonly { readonly prefix: Uint8Array; readonly cipher: Cipher }[];

  constructor(
    prefix: string,
    what: string,
    keys: readonly { readonly name: string; readonly cipher: Cipher }[],
  ) {
    this.prefix = prefix;
    this.#what = what;
    this.#keys = keys.map(({ name, cipher }) => ({ prefix: Buffer.from(`${name}:`), cipher }));
  }

  encrypt(value: Uint8Array, key: string): Uint8Array {
    const [first] = this.#keys;
    if (first === undefined) throw new Error(`${this.#what} provider has no valid keys`);
    return Buffer.concat([first.prefix, first.cipher.encrypt(value, key)]);
  }

  decrypt(stored: Uint8Array, key: string): Uint8Array {
    let wrong: Error | undefined;
    for (const { prefix, cipher } of this.#keys) {
      if (!startsWith(stored, prefix)) continue;
      try {
        return cipher.decrypt(stored.subarray(prefix.length), key);
      } catch (error) {
        // A later key may have the same name.
        wrong ??= error instanceof Error ? error : new Error(String(error));
      }
    }
    throw (
      wrong ?? new Error(`no matching key was found for the provided ${this.#what} transformer`)
    );
  }

  isStale(stored: Uint8Array): boolean {
    const [first] = this.#keys;
    return first === undefined || !startsWith(stored, first.prefix);
  }
}

/** Values as they are. */
export const IDENTITY: Provider = {
  prefix: '',
  encrypt: (value) => value,
  decrypt: (stored) => stored,
  isStale: () => false,
};

export class ProviderChain {
  readonly #providers: readonly { readonly prefix: Uint8Array; readonly provider: Provider }[];
  readonly #metrics: EncryptionMetrics;

  /** At least one provider; no two with one prefix. */
  constructor(providers: readonly Provider[], metrics: EncryptionMetrics) {
    this.#providers = providers.map((provider) => ({
      prefix: Buffer.from(provider.prefix),
      provider,
    }));
    this.#metrics = metrics;
  }

  /** `resource`: for metrics. */
  encrypt(value: Uint8Array, key: string, resource: string): Uint8Array | Promise<Uint8Array> {
    const [first] = this.#providers;
    if (first === undefined) throw new Error('no provider');
    const { prefix, provider } = first;
    const startMs = this.#metrics.clock.monotonicMs();
    return measured(
      () => provider.encrypt(value, key),
      (made) => (prefix.length === 0 ? made : Buffer.concat([prefix, made])),
      (error) =>
        this.#metrics.transformed(resource, 'to_storage', provider.prefix, {
          startMs,
          error,
        }),
    );
  }

  decrypt(stored: Uint8Array, key: string, resource: string): Uint8Array | Promise<Uint8Array> {
    const startMs = this.#metrics.clock.monotonicMs();
    const provider = this.#providerOf(stored);
    const note = (name: string) => (error: unknown) =>
      this.#metrics.transformed(resource, 'from_storage', name, { startMs, error });
    if (provider === undefined) {
      const error = new Error('no matching prefix found');
      note('unknown')(error);
      throw error;
    }
    const { prefix } = provider;
    return measured(
      () => provider.decrypt(stored.subarray(prefix.length), key),
      (value) => value,
      note(prefix === '' ? 'identity' : prefix),
    );
  }

  isStale(stored: Uint8Array): boolean {
    const provider = this.#providerOf(stored);
    if (provider === undefined || provider !== this.#providers[0]?.provider) return true;
    return provider.isStale(stored.subarray(provider.prefix.length));
  }

  /** Who is asked for it. No two have one prefix. */
  #providerOf(stored: Uint8Array): Provider | undefined {
    const isEncrypted = startsWith(stored, ENCRYPTED);
    return this.#providers.find(({ prefix }) =>
      prefix.length === 0 ? !isEncrypted : startsWith(stored, prefix),
    )?.provider;
  }
}

const ENCRYPTED = Buffer.from('k8s:enc:');

/** `note` is told how it went, also where that is known only later. */
function measured<T>(
  run: () => T | Promise<T>,
  finish: (made: T) => T,
  note: (error?: unknown) => void,
): T | Promise<T> {
  const failed = (error: unknown): never => {
    note(error);
    throw error;
  };
  const succeeded = (made: T): T => {
    note();
    return finish(made);
  };
  try {
    const made = run();
    return made instanceof Promise ? made.then(succeeded, failed) : succeeded(made);
  } catch (error) {
    return failed(error);
  }
}
