/**
 * Whether an applied configuration fits the schema: declared fields, forms, unique elements.
 *
 * Source: structured-merge-diff v6, typed/validate.go and helpers.go, for what is checked and how
 * it is worded.
 */
import { messageOf } from '#base/error.ts';
import type { Json } from '../meta/object.ts';
import { goText, isJsonObject } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { listElement } from './list-element.ts';
import { elementText, fieldElement, type PathElement } from './path-element.ts';
import { formOf, type ListShape, type MapShape, memberType, type Shape, shapeOf } from './shape.ts';

/**
 * Every violation, as `.spec.replicas: expected numeric (int or float), got string`. Equal elements
 * of a list are let through on request: stored objects may have them.
 */
export function validateValue(
  type: FieldType,
  value: Json,
  { allowDuplicates = false }: { readonly allowDuplicates?: boolean } = {},
): string[] {
  const walk = new ValidationWalk(allowDuplicates);
  walk.value(type, value);
  return walk.errors;
}

/** As one text: alone, or a list under "errors:". */
export function errorsText(errors: readonly string[]): string {
  return errors.length === 1
    ? (errors[0] ?? '')
    : ['errors:', ...errors.map((text) => `  ${text}`)].join('\n');
}

class ValidationWalk {
  readonly errors: string[] = [];
  readonly #path: PathElement[] = [];
  readonly #allowsDuplicates: boolean;

  constructor(allowsDuplicates: boolean) {
    this.#allowsDuplicates = allowsDuplicates;
  }

  value(type: FieldType, value: Json): void {
    const shape = shapeOf(type);
    const form = formOf(shape, value);
    if (form === 'map' && shape.map !== undefined) this.#map(shape.map, value);
    else if (form === 'list' && shape.list !== undefined) this.#list(shape.list, value);
    else this.#scalar(shape, value);
  }

  #fail(message: string): void {
    const path = this.#path.map(elementText).join('');
    this.errors.push(path === '' ? message : `${path}: ${message}`);
  }

  #scalar({ scalar }: Shape, value: Json): void {
    if (value === null) return;
    const got = typeof value;
    if (scalar === 'numeric' && got !== 'number') {
      this.#fail(`expected numeric (int or float), got ${goType(value)}`);
    } else if (scalar === 'string' && got !== 'string') {
      this.#fail(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
    } else if (scalar === 'boolean' && got !== 'boolean') {
      this.#fail(`expected boolean, got &{${goText(value)}}`);
    } else if (scalar === 'untyped' && got === 'object') {
      this.#fail(`expected any scalar, got &{${goText(value)}}`);
    }
  }

  #map(map: MapShape, value: Json): void {
    if (value === null) return;
    if (!isJsonObject(value)) return this.#fail(`expected map, got &{${goText(value)}}`);
    for (const [name, member] of Object.entries(value)) {
      const type = memberType(map, name);
      this.#path.push(fieldElement(name));
      if (type === undefined) this.#fail('field not declared in schema');
      else if (member !== undefined) this.value(type, member);
      this.#path.pop();
      if (type === undefined) return;
    }
  }

  #list(list: ListShape, value: Json): void {
    if (value === null) return;
    if (!Array.isArray(value)) return this.#fail(`expected list, got &{${goText(value)}}`);
    const seen = new Set<PathElement>();
    for (const [index, item] of value.entries()) {
      const element = this.#element(list, item, index);
      if (element === undefined) return;
      if (seen.has(element) && !this.#allowsDuplicates)
        this.#fail(`duplicate entries for key ${elementText(element)}`);
      seen.add(element);
      this.#path.push(element);
      this.value(list.of, item);
      this.#path.pop();
    }
  }

  #element(list: ListShape, item: Json, index: number): PathElement | undefined {
    if (list.relation === 'atomic') return `i:${index}`;
    try {
      return listElement(list, item);
    } catch (error) {
      this.#fail(`element ${index}: ${messageOf(error)}`);
      return undefined;
    }
  }
}

function goType(value: Json): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

function goSyntax(value: Json): string {
  return isJsonObject(value) || Array.isArray(value) ? `${goType(value)}{}` : JSON.stringify(value);
}
