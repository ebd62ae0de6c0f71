/**
 * Walks through a schema as it was sent, and judges each node of it; see `schema-checks.ts`.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation (validation.go,
 * ValidateCustomResourceDefinitionOpenAPISchema and specStandardValidatorV3; cel_validation.go).
 */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
} from '../meta/field.ts';
import { additionalSchema, type StructuralSchema } from '../structural/structural-schema.ts';
import { type CheckOptions, SCHEMA_TYPES } from './check-options.ts';
import { validateListKeys, validateTopology } from './list-rules.ts';
import { compileRules, type TotalCost, validateRuleForms } from './rule-checks.ts';

const META_FIELDS = ['metadata', 'kind', 'apiVersion'];

interface Place {
  readonly isRoot: boolean;
  /** Why there may be no defaults here. */
  readonly noDefaults: string | undefined;
  readonly insideMeta: boolean;
  readonly uncorrelatable: FieldPath | undefined;
  /** The compiled node, when rules may be compiled here. */
  readonly node: StructuralSchema | undefined;
  readonly maxCardinality: number | undefined;
}

export interface TreeContext {
  readonly root: { readonly node: StructuralSchema; readonly total: TotalCost } | undefined;
  readonly suppressCost: boolean;
  readonly options: CheckOptions;
}

/** Errors of the schema, then those of its rules. `schema`: of a whole resource. */
export function validateSchemaTree(
  schema: JSONSchemaProps,
  at: FieldPath,
  context: TreeContext,
): FieldError[] {
  const { errors, ruleErrors } = new Tree(context).check(schema, at, {
    isRoot: true,
    noDefaults: undefined,
    insideMeta: false,
    uncorrelatable: undefined,
    node: context.root?.node,
    maxCardinality: 1,
  });
  return [...errors, ...ruleErrors];
}

interface Found {
  readonly errors: FieldError[];
  readonly ruleErrors: FieldError[];
}

class Tree {
  readonly #context: TreeContext;

  constructor(context: TreeContext) {
    this.#context = context;
  }

  check(schema: JSONSchemaProps, at: FieldPath, place: Place): Found {
    const { options } = this.#context;
    const found: Found = { errors: validateStandard(schema, at, place, options), ruleErrors: [] };
    if (schema.uniqueItems === true) {
      const detail =
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
      found.errors.push(forbiddenField(at.child('uniqueItems'), detail));
    }
    this.#checkMembers(found, schema, at, place);
    this.#checkNested(found, schema, at, place);
    this.#checkItems(found, schema, at, place);
    const preserve = schema['x-kubernetes-preserve-unknown-fields'];
    if (preserve === false) {
      const where = at.child('x-kubernetes-preserve-unknown-fields');
      found.errors.push(invalidValue(where, preserve, 'must be true or undefined'));
    }
    found.errors.push(...validateTopology(schema, at, options));
    if (options.requireListKeys) found.errors.push(...validateListKeys(schema, at));
    found.errors.push(...validateRuleForms(schema, at));
    if (found.errors.length === 0) found.ruleErrors.push(...this.#compile(schema, at, place));
    return found;
  }

  #compile(schema: JSONSchemaProps, at: FieldPath, place: Place): FieldError[] {
    const { root, suppressCost, options } = this.#context;
    if (root === undefined || place.node === undefined) return [];
    const scope = {
      node: place.node,
      isResourceRoot: place.isRoot || place.node.embeddedResource,
      maxCardinality: place.maxCardinality,
      total: root.total,
      uncorrelatable: place.uncorrelatable,
      suppressCost,
    };
    return compileRules(schema, at, scope, options);
  }

  #descend(found: Found, schema: unknown, at: FieldPath, place: Place): void {
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return;
    const { errors, ruleErrors } = this.check(schema, at, place);
    found.errors.push(...errors);
    found.ruleErrors.push(...ruleErrors);
  }

  #checkMembers(found: Found, schema: JSONSchemaProps, at: FieldPath, place: Place): void {
    const { properties = {}, additionalProperties: additional } = schema;
    const inner = childPlace(schema, place);
    if (additional !== undefined) {
      const where = at.child('additionalProperties');
      if (Object.keys(properties).length > 0 && additional !== true) {
        const detail = 'additionalProperties and properties are mutual exclusive';
        found.errors.push(forbiddenField(where, detail));
      }
      const noDefaults = place.insideMeta
        ? 'inside additionalProperties applying to object metadata'
        : place.noDefaults;
      const node = place.node && additionalSchema(place.node);
      this.#descend(found, additional, where, { ...inner, noDefaults, node });
    }
    const isAtomic = schema['x-kubernetes-map-type'] === 'atomic';
    for (const [name, property] of Object.entries(properties)) {
      const isMeta =
        (place.isRoot || schema['x-kubernetes-embedded-resource'] === true) &&
        META_FIELDS.includes(name);
      this.#descend(found, property, at.child('properties').key(name), {
        ...inner,
        uncorrelatable: isAtomic ? (place.uncorrelatable ?? at) : place.uncorrelatable,
        insideMeta: place.insideMeta || isMeta,
        noDefaults: isMeta && place.isRoot ? `in top-level ${name}` : place.noDefaults,
        node: place.node?.properties?.get(name),
      });
    }
  }

  /** Schemas whose rules are never compiled. */
  #checkNested(found: Found, schema: JSONSchemaProps, at: FieldPath, place: Place): void {
    const inner = { ...place, isRoot: false, node: undefined };
    const { allOf = [], oneOf = [], anyOf = [], definitions = {}, dependencies = {} } = schema;
    this.#descend(found, schema.not, at.child('not'), inner);
    for (const [field, clauses] of Object.entries({ allOf, oneOf, anyOf })) {
      for (const [i, clause] of clauses.entries()) {
        this.#descend(found, clause, at.child(field).index(i), inner);
      }
    }
    for (const [field, named] of Object.entries({ definitions, dependencies })) {
      for (const [name, each] of Object.entries(named)) {
        this.#descend(found, each, at.child(field).key(name), inner);
      }
    }
  }

  #checkItems(found: Found, schema: JSONSchemaProps, at: FieldPath, place: Place): void {
    const where = at.child('items');
    const isMap = schema['x-kubernetes-list-type'] === 'map';
    const inner = {
      ...childPlace(schema, place),
      uncorrelatable: isMap ? place.uncorrelatable : (place.uncorrelatable ?? at),
      node: place.node?.items,
    };
    if (!Array.isArray(schema.items)) this.#descend(found, schema.items, where, inner);
    else {
      for (const [i, item] of schema.items.entries()) {
        this.#descend(found, item, where.index(i), { ...inner, node: undefined });
      }
    }
  }
}

function childPlace(schema: JSONSchemaProps, place: Place): Place {
  const factor = maxElements(schema);
  const maxCardinality =
    place.maxCardinality === undefined || factor === undefined
      ? undefined
      : place.maxCardinality * factor;
  return { ...place, isRoot: false, maxCardinality };
}

/** How many children a value of the schema has at most, of each kind. */
function maxElements(schema: JSONSchemaProps): number | undefined {
  const { type, additionalProperties, maxProperties, maxItems } = schema;
  if (type === 'array') return maxItems === undefined ? undefined : Math.max(maxItems, 0);
  if (type !== 'object' || additionalProperties === undefined) return 1;
  return maxProperties === undefined ? undefined : Math.max(maxProperties, 0);
}

/** Words of OpenAPI that schemas of custom resources may not use. */
function validateStandard(
  schema: JSONSchemaProps,
  at: FieldPath,
  { noDefaults, insideMeta }: Place,
  { requireValidType }: CheckOptions,
): FieldError[] {
  const errors: FieldError[] = [];
  const { type = '' } = schema;
  const forbid = (is: boolean, name: string, detail = `${name} is not supported`): void => {
    if (is) errors.push(forbiddenField(at.child(name), detail));
  };
  const hasMembers = (value: object | undefined): boolean =>
    value !== undefined && Object.keys(value).length > 0;
  if (requireValidType && type !== '' && !SCHEMA_TYPES.includes(type)) {
    errors.push(notSupported(at.child('type'), type, SCHEMA_TYPES));
  }
  const hasDefault = (schema.default ?? null) !== null;
  forbid(hasDefault && noDefaults !== undefined, 'default', `must not be set ${noDefaults}`);
  forbid(Boolean(schema.id), 'id');
  forbid(schema.additionalItems !== undefined, 'additionalItems');
  forbid(hasMembers(schema.patternProperties), 'patternProperties');
  forbid(hasMembers(schema.definitions), 'definitions');
  forbid(schema.dependencies !== undefined, 'dependencies');
  forbid(schema.$ref !== undefined, '$ref');
  forbid(type === 'null', 'type', 'type cannot be set to null, use nullable as an alternative');
  const isList = Array.isArray(schema.items) && schema.items.length > 0;
  forbid(isList, 'items', 'items must be a schema object and not an array');
  const embedded = schema['x-kubernetes-embedded-resource'] === true && insideMeta;
  forbid(embedded, 'x-kubernetes-embedded-resource', 'must not be used inside of resource meta');
  return errors;
}
