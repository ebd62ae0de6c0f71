/**
 * Whether a device is what a selector wants: the expression, run on what its slice says of it.
 *
 * A device's attributes and capacities are read once. A domain that it says nothing of is an empty
 * map, so that looking for one of its names is no error, only a name that is not there.
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/cel/compile.go.
 */
import type { CelProgram } from '#cel/kubernetes.ts';
import { toQuantity } from '#cel/library/quantity.ts';
import { toSemver } from '#cel/library/semver.ts';
import { CelError, EntryMap, typeNameOf, type Value } from '#cel/value/value.ts';
import type { Device, DeviceAttribute } from '#api/gen/resource-v1.ts';
import { compileSelector } from './device-selectors.ts';

/** Expressions that stay compiled: a cluster has few different ones. */
const PROGRAMS_MAX = 256;
/** The newest version: what is stored may use everything. */
const MINOR = 36;

/** An expression that cannot be run, or whose run failed. */
export class SelectorError extends Error {}

type Entries = Map<string, readonly [key: Value, value: Value]>;

/** A map in which every domain is found, though only those it has are in it. */
class DomainMap extends EntryMap {
  override find(key: Value): Value | undefined {
    return super.find(key) ?? NOTHING;
  }

  override holds(key: Value): Value {
    return super.find(key) !== undefined;
  }
}

const NOTHING = new EntryMap(new Map());

/** Expressions whose answer is remembered with a device. */
const ANSWERS_MAX = 64;

const programs = new Map<string, CelProgram | SelectorError>();
const values = new WeakMap<Device, Value | SelectorError>();
const answers = new WeakMap<Device, Map<string, boolean>>();

/**
 * Whether `device`, of `driver`, is wanted; the answer is remembered as long as the device is there.
 * Throws SelectorError.
 */
export function matchesDevice(expression: string, driver: string, device: Device): boolean {
  let known = answers.get(device);
  if (known === undefined) answers.set(device, (known = new Map()));
  let answer = known.get(expression);
  if (answer === undefined) {
    answer = evaluate(expression, driver, device);
    if (known.size >= ANSWERS_MAX) known.clear();
    known.set(expression, answer);
  }
  return answer;
}

function evaluate(expression: string, driver: string, device: Device): boolean {
  const { program } = programOf(expression);
  const input = inputOf(driver, device);
  const { value } = program.evaluate({ device: input });
  if (value instanceof CelError) throw new SelectorError(`CEL runtime error: ${value.message}`);
  if (typeof value === 'boolean') return value;
  const type = typeNameOf(value);
  throw new SelectorError(
    `CEL runtime error: CEL result of type ${type} could not be converted to bool: unsupported native conversion from ${type} to 'bool'`,
  );
}

function programOf(expression: string): CelProgram {
  let known = programs.get(expression);
  if (known === undefined) {
    const compiled = compileSelector(expression, MINOR);
    known =
      'kind' in compiled ? new SelectorError(`CEL compile error: ${compiled.detail}`) : compiled;
    if (programs.size >= PROGRAMS_MAX) programs.clear();
    programs.set(expression, known);
  }
  if (known instanceof SelectorError) throw known;
  return known;
}

function inputOf(driver: string, device: Device): Value {
  let known = values.get(device);
  if (known === undefined) values.set(device, (known = deviceValue(driver, device)));
  if (known instanceof SelectorError) throw known;
  return known;
}

function deviceValue(driver: string, device: Device): Value | SelectorError {
  const attributes: [string, Value][] = [];
  for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
    const value = attributeValue(attribute);
    if (value instanceof CelError)
      return new SelectorError(`CEL runtime error: attribute ${name}: ${value.message}`);
    attributes.push([name, value]);
  }
  const capacity = Object.entries(device.capacity ?? {}).map(
    ([name, { value }]) => [name, toQuantity(String(value))] as const,
  );
  return mapOf([
    ['driver', driver],
    ['allowMultipleAllocations', device.allowMultipleAllocations === true],
    ['attributes', byDomain(attributes, driver)],
    ['capacity', byDomain(capacity, driver)],
  ]);
}

function attributeValue({ int, bool, string, version }: DeviceAttribute): Value {
  if (int !== undefined) return BigInt(int);
  if (bool !== undefined) return bool;
  if (string !== undefined) return string;
  if (version === undefined) return new CelError('unsupported attribute value');
  const value = toSemver(version, false);
  return value instanceof CelError
    ? new CelError(`parse semantic version: ${value.message}`)
    : value;
}

function mapOf(pairs: readonly (readonly [string, Value])[]): EntryMap {
  return new EntryMap(new Map(pairs.map((pair) => [pair[0], pair])));
}

/** A name without a domain is of the driver's own. */
function byDomain(pairs: readonly (readonly [string, Value])[], driver: string): Value {
  const domains = new Map<string, Entries>();
  for (const [name, value] of pairs) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const id = slash < 0 ? name : name.slice(slash + 1);
    const entries: Entries = domains.get(domain) ?? new Map();
    entries.set(id, [id, value]);
    domains.set(domain, entries);
  }
  const all: Entries = new Map();
  for (const [domain, entries] of domains) all.set(domain, [domain, new EntryMap(entries)]);
  return new DomainMap(all);
}
