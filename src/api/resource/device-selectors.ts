/**
 * The expressions that select devices: what they may name, and how much they may cost.
 *
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/cel/compile.go and
 * pkg/apis/resource/types.go (the limits).
 */
import { ANY, BOOL, typeText, isSameType, mapType, STRING, structType } from '#cel/check/type.ts';
import type { SizeEstimator } from '#cel/cost/node.ts';
import { celEnvironment, type CelEnvironment, type CelProgram } from '#cel/kubernetes.ts';
import { QUANTITY_TYPE } from '#cel/library/quantity.ts';

const DOMAIN_MAX = 63;
const IDENTIFIER_MAX = 32;
const DRIVER_MAX = 63;
const ATTRIBUTE_VALUE_MAX = 64;
/** Attributes and capacities of one device. */
const NAMES_MAX = 32;
const COST_MAX = 1_000_000;

const DEVICE = structType('kubernetes.DRADevice');
const FIELDS = new Map([
  ['driver', STRING],
  ['allowMultipleAllocations', BOOL],
  ['attributes', mapType(STRING, mapType(STRING, ANY))],
  ['capacity', mapType(STRING, mapType(STRING, QUANTITY_TYPE))],
]);

/** How large what lies at a path of `device` can be. */
interface Sized {
  readonly max: number;
  readonly fields?: Readonly<Record<string, Sized>>;
  readonly key?: Sized;
  readonly element?: Sized;
  /** Any field may be there, each of the same size. */
  readonly any?: Sized;
}

const VALUE: Sized = { max: ATTRIBUTE_VALUE_MAX };
const names = (element: Sized, any?: Sized): Sized => ({
  max: NAMES_MAX,
  key: { max: DOMAIN_MAX },
  element: {
    max: NAMES_MAX,
    key: { max: IDENTIFIER_MAX },
    element,
    ...(any === undefined ? {} : { any }),
  },
});
const SIZES: Sized = {
  max: 0,
  fields: {
    driver: { max: DRIVER_MAX },
    allowMultipleAllocations: { max: 1 },
    attributes: names(VALUE, VALUE),
    capacity: names({ max: 0 }),
  },
};

const sizeOf: SizeEstimator = ({ path }) => {
  if (path === undefined || path[0] !== 'device') return undefined;
  let at: Sized | undefined = SIZES;
  for (const step of path.slice(1)) {
    if (step === '@items' || step === '@values') at = at.element;
    else if (step === '@keys') at = at.key;
    else at = at.fields?.[step] ?? at.any;
    if (at === undefined) return undefined;
  }
  return { min: 0, max: at.max };
};

const environments = new Map<number, CelEnvironment>();

function environmentOf(minor: number): CelEnvironment {
  const known = environments.get(minor);
  if (known !== undefined) return known;
  const made = celEnvironment({
    minor,
    hasBindings: true,
    variables: { device: DEVICE },
    provider: {
      hasStruct: (name) => name === DEVICE.name,
      fieldType: (name, field) => (name === DEVICE.name ? FIELDS.get(field) : undefined),
    },
  });
  environments.set(minor, made);
  return made;
}

/** Why a selector is refused; undefined when it is good. */
export type SelectorFault =
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'costly' };

/** An expression that says of a device whether it is wanted, or why it cannot be run. */
export function compileSelector(
  expression: string,
  minor: number,
): CelProgram | Extract<SelectorFault, { readonly kind: 'invalid' }> {
  const compiled = environmentOf(minor).compile(expression);
  if ('kind' in compiled) {
    const what = compiled.kind === 'instantiation' ? 'program instantiation' : 'compilation';
    return { kind: 'invalid', detail: `${what} failed: ${compiled.message}` };
  }
  const { type } = compiled;
  if (isSameType(type, BOOL) || isSameType(type, ANY)) return compiled;
  const detail = `must evaluate to bool or the unknown type, not ${typeText(type)}`;
  return { kind: 'invalid', detail };
}

/** `minor`: of the version of Kubernetes 1 whose features the expression may use. */
export function selectorFault(expression: string, minor: number): SelectorFault | undefined {
  const compiled = compileSelector(expression, minor);
  if ('kind' in compiled) return compiled;
  return compiled.estimate(sizeOf).max > COST_MAX ? { kind: 'costly' } : undefined;
}
