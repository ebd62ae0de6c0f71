/**
 * Quantities: `quantity('1.5Gi')`.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/quantity.go and
 * apimachinery/pkg/api/resource (ParseQuantity, int64Amount): a number is kept as an int64 times a
 * power of ten while it fits, and only such a number can be an integer.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { BOOL, DOUBLE, INT, STRING, structType, type Type } from '../check/type.ts';
import {
  CelError,
  INT_MAX,
  INT_MIN,
  noSuchOverload,
  OpaqueValue,
  textOf,
  type Value,
} from '../value/value.ts';
import { methodsOf } from './opaque.ts';

export const QUANTITY_TYPE = structType('kubernetes.Quantity');

const WRONG_FORMAT =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
/** What an int64 surely holds in digits. */
const FAST_DIGITS_MAX = 18;
const NANO = -9;

/** A number: `value` times ten to the `scale`. */
interface Amount {
  readonly value: bigint;
  readonly scale: number;
  /** Whether upstream keeps it as an int64. */
  readonly isFast: boolean;
}

const fitsInt64 = (value: bigint): boolean => value <= INT_MAX && value >= INT_MIN;

/** Finer than a nano rounds up, away from zero. */
function roundedToNano(value: bigint, scale: number): Amount {
  if (scale >= NANO) return { value, scale, isFast: false };
  const divisor = 10n ** BigInt(NANO - scale);
  const isExact = value % divisor === 0n;
  const away = isExact ? 0n : value > 0n ? 1n : -1n;
  return { value: value / divisor + away, scale: NANO, isFast: false };
}

/** Larger than an int64 is kept as the largest of them. */
function capped(amount: Amount): Amount {
  const limit = { value: INT_MAX, scale: 0, isFast: false };
  if (compareAmounts(amount, limit) > 0) return limit;
  return compareAmounts(amount, { ...limit, value: -INT_MAX }) < 0
    ? { ...limit, value: -INT_MAX }
    : amount;
}

/** Exponents beyond this are of no quantity. */
const EXPONENT_MAX = 10_000;

function binaryAmount(
  digits: bigint,
  decimals: number,
  sign: bigint,
  power: number,
  length: number,
): Amount {
  const value = sign * digits * 2n ** BigInt(power);
  const precision = 15 - length - Math.trunc((power * 3) / 10) - 1;
  if (decimals === 0 && precision >= 0 && fitsInt64(value))
    return { value, scale: 0, isFast: true };
  return capped(roundedToNano(value, -decimals));
}

const NUMBER = /^([+-]?)([0-9]*)(?:\.([0-9]*))?/;
const SUFFIX = /^[eEinumkKMGTP]*[-+]?[0-9]*$/;

function parseAmount(text: string): Amount | CelError {
  // In two steps: one expression would share out the digits between its parts in every way.
  const [all = '', sign, whole = '', fraction = ''] = NUMBER.exec(text) ?? [];
  const suffix = text.slice(all.length);
  if (!SUFFIX.test(suffix) || (whole === '' && fraction === '')) return new CelError(WRONG_FORMAT);
  const number = whole.replace(/^0+/, '');
  const digits = BigInt(`0${number}${fraction}`);
  const signed = sign === '-' ? -1n : 1n;
  const power = BINARY[suffix];
  if (power !== undefined) {
    return binaryAmount(digits, fraction.length, signed, power, number.length);
  }
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1];
  const shift = exponent === undefined ? DECIMAL[suffix] : Number(exponent);
  if (shift === undefined || Math.abs(shift) > EXPONENT_MAX) return new CelError(WRONG_SUFFIX);
  const scale = shift - fraction.length;
  const isShort = number.length + fraction.length <= FAST_DIGITS_MAX;
  const value = signed * digits;
  if (isShort && scale >= NANO) return { value, scale, isFast: true };
  return capped(roundedToNano(value, scale));
}

const scaled = ({ value, scale }: Amount, to: number): bigint => value * 10n ** BigInt(scale - to);

function compareAmounts(a: Amount, b: Amount): number {
  const scale = Math.min(a.scale, b.scale);
  const [left, right] = [scaled(a, scale), scaled(b, scale)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function addAmounts(a: Amount, b: Amount): Amount {
  if (a.isFast && b.isFast) {
    if (b.value === 0n) return a;
    if (a.value === 0n) return b;
  }
  const scale = Math.min(a.scale, b.scale);
  const [left, right] = [scaled(a, scale), scaled(b, scale)];
  const value = left + right;
  const isFast = a.isFast && b.isFast && [left, right, value].every(fitsInt64);
  return { value, scale, isFast };
}

function asInt64({ value, scale, isFast }: Amount): bigint | undefined {
  if (!isFast || scale < 0) return undefined;
  const whole = value * 10n ** BigInt(scale);
  return fitsInt64(whole) ? whole : undefined;
}

class QuantityValue extends OpaqueValue {
  override readonly type: Type = QUANTITY_TYPE;
  readonly amount: Amount;

  constructor(amount: Amount) {
    super();
    this.amount = amount;
  }

  override isEqual(other: OpaqueValue): boolean {
    return other instanceof QuantityValue && compareAmounts(this.amount, other.amount) === 0;
  }
}

/** The quantity that a text says; a `CelError` where it says none. */
export function toQuantity(text: Value): Value {
  const amount = parseAmount(textOf(text));
  return amount instanceof CelError ? amount : new QuantityValue(amount);
}

const method = methodsOf(QuantityValue, QUANTITY_TYPE);
const Q = QUANTITY_TYPE;

const order = (
  id: string,
  result: Type,
  tell: (order: number) => Value,
): ReturnType<typeof method> =>
  method(id, [Q], result, ({ amount }, other) =>
    other instanceof QuantityValue ? tell(compareAmounts(amount, other.amount)) : noSuchOverload(),
  );

function sum(amount: Amount, other: Value, sign: bigint): Value {
  const added =
    typeof other === 'bigint'
      ? { value: other, scale: 0, isFast: true }
      : other instanceof QuantityValue
        ? other.amount
        : undefined;
  if (added === undefined) return noSuchOverload();
  return new QuantityValue(addAmounts(amount, { ...added, value: sign * added.value }));
}

export const QUANTITY_LIBRARY: FunctionTable = {
  quantity: [overload('string_to_quantity', [STRING], Q, toQuantity)],
  isQuantity: [
    overload(
      'is_quantity_string',
      [STRING],
      BOOL,
      (text) => !(parseAmount(textOf(text)) instanceof CelError),
    ),
  ],
  sign: [
    // Upstream declares it without a target.
    overload('quantity_sign', [Q], INT, (value) => {
      if (!(value instanceof QuantityValue)) return noSuchOverload();
      return BigInt(compareAmounts(value.amount, { value: 0n, scale: 0, isFast: true }));
    }),
  ],
  isGreaterThan: [order('quantity_is_greater_than', BOOL, (outcome) => outcome > 0)],
  isLessThan: [order('quantity_is_less_than', BOOL, (outcome) => outcome < 0)],
  compareTo: [order('quantity_compare_to', INT, BigInt)],
  asApproximateFloat: [
    method('quantity_get_float', [], DOUBLE, ({ amount }) =>
      Number(`${amount.value}e${amount.scale}`),
    ),
  ],
  asInteger: [
    method(
      'quantity_get_int',
      [],
      INT,
      ({ amount }) => asInt64(amount) ?? new CelError('cannot convert value to integer'),
    ),
  ],
  isInteger: [
    method('quantity_is_integer', [], BOOL, ({ amount }) => asInt64(amount) !== undefined),
  ],
  add: [
    method('quantity_add', [Q], Q, ({ amount }, other) => sum(amount, other ?? null, 1n)),
    method('quantity_add_int', [INT], Q, ({ amount }, other) => sum(amount, other ?? null, 1n)),
  ],
  sub: [
    method('quantity_sub', [Q], Q, ({ amount }, other) => sum(amount, other ?? null, -1n)),
    method('quantity_sub_int', [INT], Q, ({ amount }, other) => sum(amount, other ?? null, -1n)),
  ],
};
