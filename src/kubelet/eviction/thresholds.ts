/**
 * Thresholds: when a signal calls for eviction. Pure.
 *
 * Source: Kubernetes documentation "Node-pressure Eviction" v1.36 (defaults). Upstream:
 * pkg/kubelet/eviction/helpers.go (ParseThresholdConfig,
 * addAllocatableThresholds, UpdateContainerFsThresholds), v1.36.
 */
import { parseDuration } from '#api/codec/duration.ts';
import { parseQuantity, quantityValue } from '#api/codec/quantity.ts';
import { DEFAULT_EVICTION_HARD } from '../config/defaults.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { isSignal, type Observation, type Signal } from './signals.ts';

type Statements = Readonly<Record<string, string>>;

/** What of a KubeletConfiguration says when pods are evicted; without hard thresholds the defaults. */
export type EvictionConfig = Pick<
  KubeletConfiguration,
  'evictionHard' | 'evictionSoft' | 'evictionSoftGracePeriod' | 'evictionMinimumReclaim'
> &
  Partial<Pick<KubeletConfiguration, 'enforceNodeAllocatable'>>;

/** A number, or a share of the capacity between 0 and 1. */
type Amount = { readonly value: number } | { readonly share: number };

export interface Threshold {
  readonly signal: Signal;
  readonly amount: Amount;
  /** 0: a hard one. */
  readonly gracePeriodMs: number;
  readonly minReclaim?: Amount;
}

/** Configuration that makes no sense. */
class EvictionConfigError extends Error {
  override readonly name = 'EvictionConfigError';
}

/**
 * All thresholds, hard ones first. Where pods together may hold no more than is allocatable, the hard
 * ones of memory count for what is left of that too. Throws an EvictionConfigError.
 */
export function thresholdsOf(config: EvictionConfig): Threshold[] {
  const given = givenThresholds(config);
  if (config.enforceNodeAllocatable?.includes('pods') !== true) return given;
  const ofMemory = given.filter((each) => each.signal === 'memory.available' && isHard(each));
  const ofPods = ofMemory.map(
    (each): Threshold => ({ ...each, signal: 'allocatableMemory.available' }),
  );
  return [...given, ...ofPods];
}

function givenThresholds(config: EvictionConfig): Threshold[] {
  const graces = entriesOf(config.evictionSoftGracePeriod).map(
    ([signal, text]) => [signal, graceMs(text)] as const,
  );
  const reclaims = entriesOf(config.evictionMinimumReclaim).map(
    ([signal, text]) => [signal, reclaimOf(signal, text)] as const,
  );
  const [graceOf, minReclaimOf] = [new Map(graces), new Map(reclaims)];
  const make = (signal: Signal, text: string, gracePeriodMs: number): Threshold[] => {
    const amount = amountOf(signal, text);
    const minReclaim = minReclaimOf.get(signal);
    if (amount === undefined) return [];
    return [{ signal, amount, gracePeriodMs, ...(minReclaim === undefined ? {} : { minReclaim }) }];
  };
  return [
    ...entriesOf(config.evictionHard ?? DEFAULT_EVICTION_HARD).flatMap(([signal, text]) =>
      make(signal, text, 0),
    ),
    ...entriesOf(config.evictionSoft).flatMap(([signal, text]) => {
      const grace = graceOf.get(signal);
      if (grace !== undefined) return make(signal, text, grace);
      const message = `grace period must be specified for the soft eviction threshold ${signal}`;
      throw new EvictionConfigError(message);
    }),
  ];
}

function entriesOf(statements: Statements = {}): [Signal, string][] {
  return Object.entries(statements).map(([signal, text]) => {
    if (isSignal(signal)) return [signal, text];
    throw new EvictionConfigError(`unsupported eviction signal ${signal}`);
  });
}

/** Undefined: 0% and 100% switch a threshold off. */
function amountOf(signal: Signal, text: string): Amount | undefined {
  if (text === '0%' || text === '100%') return undefined;
  if (text.endsWith('%')) {
    const share = shareOf(text);
    const problem = share < 0 ? '>= 0%' : share > 1 ? '<= 100%' : undefined;
    if (problem === undefined) return { share };
    const message = `eviction percentage threshold ${signal} must be ${problem}: ${text}`;
    throw new EvictionConfigError(message);
  }
  const value = valueOf(text);
  if (value > 0) return { value };
  throw new EvictionConfigError(`eviction threshold ${signal} must be positive: ${text}`);
}

function reclaimOf(signal: Signal, text: string): Amount {
  if (text.endsWith('%')) {
    const share = shareOf(text);
    if (share > 0) return { share };
    const message = `eviction percentage minimum reclaim ${signal} must be positive: ${text}`;
    throw new EvictionConfigError(message);
  }
  const value = valueOf(text);
  if (value >= 0) return { value };
  throw new EvictionConfigError(`negative eviction minimum reclaim specified for ${signal}`);
}

/** Upstream keeps shares with 32 bits. */
function shareOf(text: string): number {
  const digits = text.slice(0, -1);
  if (/^[+-]?(\d+(?:\.\d*)?|\.\d+)$/.test(digits))
    return Math.fround(Math.fround(Number(digits)) / 100);
  throw new EvictionConfigError(`invalid percentage: ${text}`);
}

function valueOf(text: string): number {
  try {
    parseQuantity(text);
  } catch (error) {
    throw new EvictionConfigError(`invalid quantity: ${text}`, { cause: error });
  }
  return quantityValue(text);
}

function graceMs(text: string): number {
  let nanos: number;
  try {
    nanos = parseDuration(text);
  } catch (error) {
    throw new EvictionConfigError(`invalid eviction grace period: ${text}`, { cause: error });
  }
  if (nanos >= 0) return nanos / 1e6;
  const message = `invalid eviction grace period specified: ${text}, must be a positive value`;
  throw new EvictionConfigError(message);
}

export interface DiskLayout {
  readonly hasImageFs: boolean;
  readonly hasContainerFs: boolean;
}

/**
 * Thresholds of `containerfs` are those of the file system that containers write to: nodefs, or
 * imagefs where images have one that containers share. Others that were given are left out.
 */
export function withContainerFs(
  thresholds: readonly Threshold[],
  { hasImageFs, hasContainerFs }: DiskLayout,
): Threshold[] {
  const source = hasImageFs && !hasContainerFs ? 'imagefs' : 'nodefs';
  const given = thresholds.filter(({ signal }) => !signal.startsWith('containerfs.'));
  const copies = (['available', 'inodesFree'] as const).flatMap((what) =>
    given
      .filter(({ signal }) => signal === `${source}.${what}`)
      .map((threshold): Threshold => ({ ...threshold, signal: `containerfs.${what}` })),
  );
  return [...given, ...copies];
}

export function isHard({ gracePeriodMs }: Threshold): boolean {
  return gracePeriodMs === 0;
}

/** Bytes, inodes or process ids. */
export function amountIn(amount: Amount, { capacity }: Observation): number {
  return 'value' in amount ? amount.value : Math.trunc(capacity * amount.share);
}

/** Less is left than the threshold says; `withReclaim`: and the minimum to reclaim on top. */
export function isMet(threshold: Threshold, observed: Observation, withReclaim: boolean): boolean {
  const more = withReclaim ? threshold.minReclaim : undefined;
  const wanted = amountIn(threshold.amount, observed);
  return wanted + (more === undefined ? 0 : amountIn(more, observed)) > observed.available;
}
