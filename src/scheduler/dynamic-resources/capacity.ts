/**
 * How much of a device a request takes, where a device may be shared.
 *
 * A request names amounts; what it does not name is the default of the device's policy, or all there
 * is. The policy rounds amounts up to what the device can give. All amounts are quantities.
 * Source: KEP-5075; upstream v1.36
 * staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/consumable_capacity.go.
 */
import { addQuantity, compareQuantity, quantityValue } from '#api/codec/quantity.ts';
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  CapacityRequirements,
  Device,
  DeviceCapacity,
} from '#api/gen/resource-v1.ts';

/** Quantities by name of the capacity. */
export type Amounts = Readonly<Record<string, string>>;

export const NOTHING: Amounts = Object.freeze({});

/** What the request takes of each capacity of the device. */
export function consumedBy(
  request: CapacityRequirements | undefined,
  { capacity = {} }: Device,
): Amounts {
  return Object.fromEntries(
    Object.entries(capacity).map(([name, of]) => [name, consumed(request?.requests?.[name], of)]),
  );
}

/** Whether the device has what the request takes, besides what is `taken` already. */
export function hasCapacity(
  request: CapacityRequirements | undefined,
  device: Device,
  taken: Amounts,
): boolean {
  const { capacity = {} } = device;
  for (const name of Object.keys(request?.requests ?? {}))
    if (capacity[name] === undefined) return false;
  return Object.entries(capacity).every(([name, of]) => {
    const wanted = consumed(request?.requests?.[name], of);
    if (violates(wanted, of.requestPolicy)) return false;
    return compareQuantity(addQuantity(taken[name] ?? '0', wanted), of.value) <= 0;
  });
}

export function sumOf(left: Amounts, right: Amounts): Amounts {
  const sum: Record<string, string> = { ...left };
  for (const [name, amount] of Object.entries(right))
    sum[name] = addQuantity(sum[name] ?? '0', amount);
  return sum;
}

function consumed(asked: string | undefined, { value, requestPolicy }: DeviceCapacity): string {
  if (asked === undefined) return requestPolicy?.default ?? value;
  const { validRange, validValues } = requestPolicy ?? {};
  if (validRange?.min !== undefined) return roundedUp(asked, validRange);
  return validValues?.find((valid) => compareQuantity(asked, valid) <= 0) ?? asked;
}

/** To the least of the range, and from there on by whole steps. */
function roundedUp(asked: string, { min = '0', step }: CapacityRequestPolicyRange): string {
  if (compareQuantity(asked, min) < 0) return min;
  if (step === undefined) return asked;
  const [wanted, least, by] = [asked, min, step].map(whole) as [bigint, bigint, bigint];
  const steps = (wanted - least + by - 1n) / by;
  return binaryText(least + by * steps);
}

const SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** With the largest suffix that leaves no fraction. */
function binaryText(amount: bigint): string {
  let [rest, power] = [amount, 0];
  for (; rest !== 0n && rest % 1024n === 0n && power < SUFFIXES.length - 1; power++) rest /= 1024n;
  return `${rest}${SUFFIXES[power]}`;
}

const whole = (quantity: string): bigint => BigInt(quantityValue(quantity));

function violates(amount: string, policy: CapacityRequestPolicy | undefined): boolean {
  const { default: usual, validRange, validValues = [] } = policy ?? {};
  if (usual !== undefined && compareQuantity(amount, usual) === 0) return false;
  if (validRange !== undefined) {
    const { min = '0', max, step } = validRange;
    if (max !== undefined && compareQuantity(amount, max) > 0) return true;
    return step !== undefined && (whole(amount) - whole(min)) % whole(step) !== 0n;
  }
  return (
    validValues.length > 0 && !validValues.some((valid) => compareQuantity(amount, valid) === 0)
  );
}
