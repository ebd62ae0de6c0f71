/**
 * Whether the defaults of a schema are valid values, with nothing in them that would be pruned.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/defaulting (validation.go,
 * prune.go, surroundingobject.go). A default of apiVersion, kind or in metadata is judged as part of
 * the object that it would be in.
 */
import { equalJson } from '../meta/equal.ts';
import { type FieldError, type FieldPath, invalidValue, ROOT } from '../meta/field.ts';
import { cloneJson, isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { asResourceRoot } from './compile-schema.ts';
import { coerceMeta, validateMeta } from './embedded-meta.ts';
import { prune } from './prune.ts';
import { RULE_BUDGET, type RuleEngine } from './rule-engine.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';
import { validateValue } from './validate-value.ts';

/** The object around a value: what a default somewhere in the schema makes. */
type Surround = (value: Json) => Json;

const bare: Surround = (value) => value;

function within(surround: Surround, name: string): Surround {
  return (value) => surround({ [name]: value });
}

function inList(surround: Surround): Surround {
  return (value) => surround([value]);
}

export interface DefaultsOptions {
  readonly requirePruned: boolean;
  readonly rules?: RuleEngine;
}

interface Walk extends DefaultsOptions {
  /** The resource that the node belongs to: the root, or the nearest embedded one. */
  readonly root: StructuralSchema;
  readonly surround: Surround;
  /** The node describes apiVersion, kind or metadata, or something in there. */
  readonly insideMeta: boolean;
}

/** `schema`: of a whole resource, structural. */
export function validateDefaults(
  schema: StructuralSchema,
  at: FieldPath,
  options: DefaultsOptions,
): FieldError[] {
  const root = asResourceRoot(schema);
  return validateNode(root, at, { ...options, root, surround: bare, insideMeta: false });
}

const META_FIELDS = ['apiVersion', 'kind', 'metadata'];

function validateNode(schema: StructuralSchema, at: FieldPath, outer: Walk): FieldError[] {
  const walk = schema.embeddedResource
    ? { ...outer, root: schema, surround: bare, insideMeta: false }
    : outer;
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    errors.push(...validateDefault(schema.default, schema, at.child('default'), walk));
  }
  if (schema.items !== undefined) {
    const surround = inList(walk.surround);
    errors.push(...validateNode(schema.items, at.child('items'), { ...walk, surround }));
  }
  for (const [name, property] of schema.properties ?? []) {
    const isMeta = schema.embeddedResource && META_FIELDS.includes(name);
    const inner = {
      ...walk,
      surround: within(walk.surround, name),
      insideMeta: walk.insideMeta || isMeta,
    };
    errors.push(...validateNode(property, at.child('properties').key(name), inner));
  }
  return errors;
}

function validateDefault(
  value: Json,
  schema: StructuralSchema,
  at: FieldPath,
  walk: Walk,
): FieldError[] {
  const errors: FieldError[] = [];
  const meta = walk.insideMeta
    ? validateMetaDefault(value, at, walk)
    : validateOwnDefault(value, schema, at);
  if (!walk.insideMeta && walk.requirePruned) {
    const pruned = cloneJson(value);
    prune(pruned, schema, { isRoot: schema.embeddedResource });
    if (!equalJson(pruned, value)) {
      errors.push(invalidValue(at, value, 'must not have unknown fields'));
    }
  }
  if (meta.length > 0) return [...errors, ...meta];
  const found = validateValue(value, schema, { at });
  if (found.length > 0) return [...errors, ...found];
  return [...errors, ...runRules(value, schema, at, walk)];
}

/** Rules run as on create, and as on an update that changes nothing. */
function runRules(
  value: Json,
  schema: StructuralSchema,
  at: FieldPath,
  { rules, root }: Walk,
): FieldError[] {
  if (rules === undefined) return [];
  const run = { at, isResourceRoot: schema === root, budget: RULE_BUDGET };
  const { errors } = rules.validate(value, schema, { ...run, old: value });
  return errors.length > 0 ? errors : rules.validate(value, schema, run).errors;
}

function validateOwnDefault(value: Json, schema: StructuralSchema, at: FieldPath): FieldError[] {
  const options = { isRoot: schema.embeddedResource, at };
  const copy = cloneJson(value);
  const { error } = coerceMeta(copy, schema, options);
  return error === undefined ? validateMeta(copy, schema, options) : [error];
}

function validateMetaDefault(value: Json, at: FieldPath, walk: Walk): FieldError[] {
  const object = walk.surround(cloneJson(value));
  if (!isJsonObject(object)) return [];
  const whole: JsonObject = { apiVersion: 'validation/v1', kind: 'Validation', ...object };
  const { error } = coerceMeta(whole, walk.root, { isRoot: true });
  const found = error === undefined ? validateMeta(whole, walk.root, { isRoot: true }) : [error];
  if (found.length === 0) return [];
  const texts = [...new Set(found.map((each) => each.text()))];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return [invalidValue(at, value, `must result in valid metadata: ${text}`)];
}

/** Whether pruning would change a default: upstream then asks no more of later versions. */
export function hasUnprunedDefaults(schema: StructuralSchema): boolean {
  return isUnpruned(schema, schema, bare);
}

function isUnpruned(schema: StructuralSchema, root: StructuralSchema, surround: Surround): boolean {
  if (schema.default !== undefined && changesWhenPruned(surround(schema.default), root))
    return true;
  const additional = additionalSchema(schema);
  return (
    (additional !== undefined && isUnpruned(additional, root, within(surround, '*'))) ||
    (schema.items !== undefined && isUnpruned(schema.items, root, inList(surround))) ||
    [...(schema.properties ?? [])].some(([name, property]) =>
      isUnpruned(property, root, within(surround, name)),
    )
  );
}

function changesWhenPruned(object: Json, root: StructuralSchema): boolean {
  const copy = cloneJson(object);
  coerceMeta(copy, root, { isRoot: true, dropInvalid: true, at: ROOT });
  prune(copy, root, { isRoot: true });
  return !equalJson(copy, object);
}
