/**
 * What holds for the devices of a claim together: that an attribute is the same for all, or
 * different for each.
 *
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating
 * (matchAttributeConstraint, distinctAttributeConstraint). Upstream remembers one value for each
 * request of a distinct attribute; here each device's value counts, as the API documents it.
 */
import type { DeviceAttribute, DeviceConstraint } from '#api/gen/resource-v1.ts';
import type { Candidate } from './device.ts';
import type { Request } from './requests.ts';

export interface Constraint {
  /** Whether the device may be added; if so it is. */
  add(request: Request, candidate: Candidate): boolean;
  /** Takes back the last that was added. */
  remove(request: Request): void;
}

/** Undefined: of a kind that is not known. */
export function constraintOf(constraint: DeviceConstraint): Constraint | undefined {
  const { matchAttribute, distinctAttribute, requests = [] } = constraint;
  const isDistinct = matchAttribute === undefined;
  const attribute = matchAttribute ?? distinctAttribute;
  if (attribute === undefined) return undefined;
  return new AttributeConstraint(attribute, { isDistinct, requests: new Set(requests) });
}

class AttributeConstraint implements Constraint {
  readonly #attribute: string;
  readonly #isDistinct: boolean;
  readonly #requests: ReadonlySet<string>;
  /** Of the devices that were added, in order. */
  readonly #values: string[] = [];

  constructor(
    attribute: string,
    options: { readonly isDistinct: boolean; readonly requests: ReadonlySet<string> },
  ) {
    this.#attribute = attribute;
    this.#isDistinct = options.isDistinct;
    this.#requests = options.requests;
  }

  add(request: Request, candidate: Candidate): boolean {
    if (!this.#isAbout(request)) return true;
    const attribute = attributeOf(candidate, this.#attribute);
    const value = attribute && valueOf(attribute);
    if (value === undefined) return false;
    const [first] = this.#values;
    const isAllowed = this.#isDistinct
      ? !this.#values.includes(value)
      : first === undefined || first === value;
    if (isAllowed) this.#values.push(value);
    return isAllowed;
  }

  remove(request: Request): void {
    if (this.#isAbout(request)) this.#values.pop();
  }

  /** A request may be named by itself, or by the one that it is an alternative of. */
  #isAbout({ base, name }: Request): boolean {
    return this.#requests.size === 0 || this.#requests.has(base) || this.#requests.has(name);
  }
}

/** An attribute without a domain is of the driver's own. */
function attributeOf({ device, driver }: Candidate, name: string): DeviceAttribute | undefined {
  const { attributes = {} } = device;
  const exact = attributes[name];
  if (exact !== undefined) return exact;
  const slash = name.indexOf('/');
  return slash >= 0 && name.slice(0, slash) === driver
    ? attributes[name.slice(slash + 1)]
    : undefined;
}

/** Values of different types are never the same. */
function valueOf({ string, int, bool, version }: DeviceAttribute): string | undefined {
  if (string !== undefined) return `string:${string}`;
  if (int !== undefined) return `int:${int}`;
  if (bool !== undefined) return `bool:${bool}`;
  return version === undefined ? undefined : `version:${version}`;
}
