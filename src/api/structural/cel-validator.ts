/**
 * The rules of a schema and of all within it, ready to run: only the nodes that have some.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (NewValidator).
 */
import { declare, type DeclaredType } from '#cel/schema/declared-type.ts';
import { escapeName } from '#cel/schema/escape.ts';
import { compileNodeRules, type RunnableRule } from './cel-compile.ts';
import { celSchemaOf } from './cel-schema.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

export interface Validator {
  /** Where values lie: rules within allOf judge the values of the schema around them. */
  readonly node: StructuralSchema;
  readonly isResourceRoot: boolean;
  readonly rules: readonly RunnableRule[];
  /** Why none of the rules could be compiled. */
  readonly failure: string | undefined;
  readonly allOf: readonly Validator[];
  readonly items: Validator | undefined;
  readonly additional: Validator | undefined;
  readonly properties: ReadonlyMap<string, Validator>;
}

/** The name of the type of `self`; within an environment there is one. */
export const SELF_TYPE = 'selfType';
const NO_TYPE = 'failed to convert to declType for CEL validation rules';

const roots = new WeakMap<StructuralSchema, Map<boolean, Validator | undefined>>();

/** Undefined when there are no rules. Kept as long as the schema is. */
export function validatorFor(
  schema: StructuralSchema,
  isResourceRoot: boolean,
): Validator | undefined {
  let known = roots.get(schema);
  if (known === undefined) roots.set(schema, (known = new Map()));
  if (known.has(isResourceRoot)) return known.get(isResourceRoot);
  const declared = declare(celSchemaOf(schema), SELF_TYPE, isResourceRoot);
  const made = validator({ rules: schema, node: schema, isResourceRoot, declared });
  known.set(isResourceRoot, made);
  return made;
}

interface Place {
  /** The schema that says the rules. */
  readonly rules: StructuralSchema;
  readonly node: StructuralSchema;
  readonly isResourceRoot: boolean;
  readonly declared: DeclaredType | undefined;
}

function validator(place: Place): Validator | undefined {
  const { rules: schema, node, isResourceRoot, declared } = place;
  const own = schema.rules ?? [];
  const failure = own.length > 0 && declared === undefined ? NO_TYPE : undefined;
  const made: Validator = {
    node,
    isResourceRoot,
    failure,
    rules: declared === undefined ? [] : compileNodeRules(own, declared, 'all'),
    allOf: (schema.value?.allOf ?? []).flatMap(
      (nested) => validator({ ...place, rules: nested }) ?? [],
    ),
    items: within(schema.items, node.items, declared?.element),
    additional: within(additionalSchema(schema), additionalSchema(node), declared?.element),
    properties: propertyValidators(place),
  };
  const { rules, allOf, items, additional, properties } = made;
  const isEmpty =
    rules.length + allOf.length + properties.size === 0 &&
    (failure ?? items ?? additional) === undefined;
  return isEmpty ? undefined : made;
}

/** Rules can be added only where the structure itself has a node. */
function within(
  rules: StructuralSchema | undefined,
  node: StructuralSchema | undefined,
  declared: DeclaredType | undefined,
): Validator | undefined {
  if (rules === undefined || node === undefined) return undefined;
  return validator({ rules, node, isResourceRoot: node.embeddedResource, declared });
}

function propertyValidators({ rules, node, declared }: Place): Map<string, Validator> {
  const found = new Map<string, Validator>();
  for (const [name, property] of rules.properties ?? []) {
    const child = node.properties?.get(name);
    if (child === undefined) continue;
    const identifier = escapeName(name);
    // What has no type in CEL is left out, with all below it.
    const type =
      identifier === undefined
        ? declare(celSchemaOf(child), SELF_TYPE, child.embeddedResource)
        : declared?.fields?.get(identifier);
    const made = type && within(property, child, type);
    if (made !== undefined) found.set(name, made);
  }
  return found;
}
