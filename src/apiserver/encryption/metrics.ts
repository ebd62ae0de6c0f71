/**
 * How often values are encrypted and decrypted, by what, and what the key services answer.
 *
 * Source: upstream apiserver/pkg/storage/value/metrics.go and encrypt/envelope/metrics.
 */
import type { Clock } from '#base/env.ts';
import { grpcCodeName, GrpcError, GRPC_CODE } from '#base/grpc.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { hashLabel } from '../metrics/config-metrics.ts';

const STORAGE = 'apiserver_storage';
const ENVELOPE = 'apiserver_envelope_encryption';
const ALPHA = 'ALPHA';
/** Keys that are told of; the one that was used longest ago goes first. */
const KEYS_MAX = 100;

export type Direction = 'from_storage' | 'to_storage';

const doubling = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first * 2 ** at);

export class EncryptionMetrics {
  readonly dataKeys: DataKeyMetrics;
  readonly #clock: Clock;
  readonly #serverHash: string;
  readonly #operations: Counter;
  readonly #seconds: Histogram;
  readonly #cacheMisses: Counter;
  readonly #kmsSeconds: Histogram;
  readonly #keyUses: Counter;
  readonly #keyTimes: Counter;
  readonly #statusTimes: Counter;
  readonly #invalidKeys: Counter;
  readonly #cacheSize: Counter;
  /** In order of use. */
  readonly #used = new Map<string, readonly string[]>();
  readonly #statuses = new Map<string, readonly string[]>();

  /** `serverId`: the name of this server's Lease. */
  constructor(registry: MetricRegistry, clock: Clock, serverId: string) {
    this.#clock = clock;
    this.dataKeys = new DataKeyMetrics(registry, clock);
    this.#serverHash = hashLabel(serverId);
    const stability = ALPHA;
    this.#operations = registry.counter({
      name: `${STORAGE}_transformation_operations_total`,
      help: 'Values that were encrypted or decrypted, by resource, direction, provider and outcome.',
      stability,
      labels: ['resource', 'status', 'transformation_type', 'transformer_prefix'],
    });
    this.#seconds = registry.histogram(
      {
        name: `${STORAGE}_transformation_duration_seconds`,
        help: 'How long it took to encrypt or decrypt a value.',
        stability,
        labels: ['transformation_type', 'transformer_prefix'],
      },
      doubling(5e-6, 25),
    );
    this.#cacheMisses = registry.counter({
      name: `${STORAGE}_envelope_transformation_cache_misses_total`,
      help: 'How often a data key was not known and the key service was asked.',
      stability,
      labels: [],
    });
    this.#kmsSeconds = registry.histogram(
      {
        name: `${ENVELOPE}_kms_operations_latency_seconds`,
        help: 'How long calls to key services took, by gRPC code.',
        stability,
        labels: ['grpc_status_code', 'method_name', 'provider_name'],
      },
      doubling(0.0001, 20),
    );
    const keyLabels = ['apiserver_id_hash', 'key_id_hash', 'provider_name'];
    this.#keyUses = registry.counter({
      name: `${ENVELOPE}_key_id_hash_total`,
      help: 'How often the key of a key service was used.',
      stability,
      labels: [...keyLabels, 'transformation_type'],
    });
    this.#keyTimes = registry.gauge({
      name: `${ENVELOPE}_key_id_hash_last_timestamp_seconds`,
      help: 'When the key of a key service was last used.',
      stability,
      labels: [...keyLabels, 'transformation_type'],
    });
    this.#statusTimes = registry.gauge({
      name: `${ENVELOPE}_key_id_hash_status_last_timestamp_seconds`,
      help: 'When a key service last named the key.',
      stability,
      labels: keyLabels,
    });
    this.#invalidKeys = registry.counter({
      name: `${ENVELOPE}_invalid_key_id_from_status_total`,
      help: 'How often a key service named a key that none can have.',
      stability,
      labels: ['error', 'provider_name'],
    });
    this.#cacheSize = registry.gauge({
      name: `${ENVELOPE}_dek_source_cache_size`,
      help: 'Data keys that are remembered.',
      stability,
      labels: ['provider_name'],
    });
  }

  get clock(): Clock {
    return this.#clock;
  }

  transformed(
    resource: string,
    direction: Direction,
    prefix: string,
    outcome: { readonly startMs: number; readonly error?: unknown },
  ): void {
    const { startMs, error } = outcome;
    this.#operations.add([resource, statusOf(error), direction, prefix]);
    if (error === undefined)
      this.#seconds.observe([direction, prefix], (this.#clock.monotonicMs() - startMs) / 1000);
  }

  missed(): void {
    this.#cacheMisses.add([]);
  }

  /** `method`: `/v2.KeyManagementService/Encrypt` */
  called(provider: string, method: string, startMs: number, error?: unknown): void {
    const seconds = (this.#clock.monotonicMs() - startMs) / 1000;
    this.#kmsSeconds.observe([statusOf(error), method, provider], seconds);
  }

  usedKey(direction: Direction, provider: string, keyId: string): void {
    const labels = [this.#serverHash, hashLabel(keyId), provider, direction];
    this.#keyUses.add(labels);
    this.#keyTimes.set(labels, this.#clock.now() / 1000);
    this.#touch(this.#used, labels, [this.#keyUses, this.#keyTimes]);
  }

  namedKey(provider: string, keyId: string): void {
    const labels = [this.#serverHash, hashLabel(keyId), provider];
    this.#statusTimes.set(labels, this.#clock.now() / 1000);
    this.#touch(this.#statuses, labels, [this.#statusTimes]);
  }

  /** `error`: `empty` or `too_long` */
  namedInvalidKey(provider: string, error: string): void {
    this.#invalidKeys.add([error, provider]);
  }

  remembers(provider: string, dataKeys: number): void {
    this.#cacheSize.set([provider], dataKeys);
  }

  #touch(
    known: Map<string, readonly string[]>,
    labels: readonly string[],
    of: readonly Counter[],
  ): void {
    const key = labels.join(' ');
    known.delete(key);
    known.set(key, labels);
    const [oldest] = known;
    if (known.size <= KEYS_MAX || oldest === undefined) return;
    known.delete(oldest[0]);
    for (const counter of of) counter.remove(oldest[1]);
  }
}

/** Of the making of data keys here; a key service only encrypts them. */
export class DataKeyMetrics {
  readonly #clock: Clock;
  readonly #seconds: Histogram;
  readonly #failures: Counter;

  constructor(registry: MetricRegistry, clock: Clock) {
    const prefix = `${STORAGE}_data_key_generation`;
    this.#clock = clock;
    this.#seconds = registry.histogram(
      alpha(`${prefix}_duration_seconds`, 'How long it took to make a data key.'),
      doubling(5e-6, 14),
    );
    this.#failures = registry.counter(
      alpha(`${prefix}_failures_total`, 'How often no data key could be made.'),
    );
  }

  /** What `make` makes. */
  made<T>(make: () => T): T {
    const startMs = this.#clock.monotonicMs();
    try {
      const key = make();
      this.#seconds.observe([], (this.#clock.monotonicMs() - startMs) / 1000);
      return key;
    } catch (error) {
      this.#failures.add([]);
      throw error;
    }
  }
}

/** The code of the key service, where it lies at the root of `error`. */
function statusOf(error: unknown): string {
  if (error === undefined) return grpcCodeName(GRPC_CODE.ok);
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof GrpcError) return grpcCodeName(cause.code);
  return 'unknown-non-grpc';
}
