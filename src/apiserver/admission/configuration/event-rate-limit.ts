/**
 * Reads the configuration of EventRateLimit.
 *
 * Source: upstream plugin/pkg/admission/eventratelimit/apis/eventratelimit, v1.36.
 */
import { always, INT32, list, object, optional, TYPE_META } from '#api/component-config/fields.ts';
import { fieldPath, invalidValue, notSupported } from '#api/meta/field.ts';
import { configType, readStrictly, refuseErrors } from './fields.ts';

/** What shares one rate: all events, or those of a namespace, of a user, of a source and an object. */
export const LIMIT_TYPES = ['Namespace', 'Server', 'SourceAndObject', 'User'] as const;

export interface EventLimit {
  readonly type: (typeof LIMIT_TYPES)[number];
  /** Events a second, and at once after a rest. */
  readonly qps: number;
  readonly burst: number;
  /** Of how many namespaces, users or pairs the rate is kept. */
  readonly cacheSize: number;
}

const CACHE_SIZE = 4096;

const LIMIT = configType(
  'Limit',
  always('type', { kind: 'scalar', scalar: 'string', goType: 'v1alpha1.LimitType' }),
  always('qps', INT32),
  always('burst', INT32),
  optional('cacheSize', INT32),
);
const CONFIGURATION = configType(
  'Configuration',
  ...TYPE_META,
  always('limits', list(object(LIMIT), '[]v1alpha1.Limit')),
);

/** Throws ConfigError. */
export function readEventRateLimit(text: string): readonly EventLimit[] {
  const { limits = [] } = readStrictly(text, {
    apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1',
    kind: 'Configuration',
    type: CONFIGURATION,
    scheme: 'pkg/admission/eventratelimit/config.go:33',
  }) as { limits?: readonly Partial<EventLimit>[] };
  return checkedLimits(limits);
}

/** Throws ConfigError: without limits the plug-in has nothing to do, and does not start. */
export function checkedLimits(limits: readonly Partial<EventLimit>[]): readonly EventLimit[] {
  const at = fieldPath('limits');
  if (limits.length === 0) refuseErrors([invalidValue(at, undefined, 'must not be empty')]);
  refuseErrors(
    limits.flatMap(({ type, qps = 0, burst = 0, cacheSize = 0 }, i) => {
      const here = at.index(i);
      const isKnown = LIMIT_TYPES.some((known) => known === type);
      return [
        ...(isKnown ? [] : [notSupported(here.child('type'), type ?? '', LIMIT_TYPES)]),
        ...(burst > 0 ? [] : [invalidValue(here.child('burst'), burst, 'must be positive')]),
        ...(qps > 0 ? [] : [invalidValue(here.child('qps'), qps, 'must be positive')]),
        ...(type === 'Server' || cacheSize >= 0
          ? []
          : [invalidValue(here.child('cacheSize'), cacheSize, 'must not be negative')]),
      ];
    }),
  );
  return limits.map(({ type = 'Server', qps = 0, burst = 0, cacheSize = 0 }) => ({
    type,
    qps,
    burst,
    cacheSize: cacheSize > 0 ? cacheSize : CACHE_SIZE,
  }));
}
