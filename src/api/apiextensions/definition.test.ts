import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '#api/gen/apiextensions-v1.ts';
import type { CompiledRule, RuleEngine } from '../structural/rule-engine.ts';
import {
  deletionFailed,
  planConditions,
  planEstablished,
  terminatingCondition,
} from './conditions.ts';
import { customResourceDefinitionKind } from './custom-resource-definition.ts';
import {
  definitionWarnings,
  validateDefinition,
  validateDefinitionUpdate,
} from './validate-definition.ts';

const NOW = '2024-01-01T00:00:00Z';
const OBJECT: JSONSchemaProps = { type: 'object' };

function definitionOf(
  openAPIV3Schema: JSONSchemaProps,
  more: Partial<CustomResourceDefinitionVersion> = {},
): CustomResourceDefinition {
  const schema = { openAPIV3Schema };
  return {
    metadata: { name: 'cats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', singular: 'cat', kind: 'Cat', listKind: 'CatList' },
      versions: [{ name: 'v1', served: true, storage: true, schema, ...more }],
      conversion: { strategy: 'None' },
    },
    status: { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: ['v1'] },
  };
}

function spec(properties: Record<string, JSONSchemaProps>): JSONSchemaProps {
  return { type: 'object', properties: { spec: { type: 'object', properties } } };
}

const texts = (errors: readonly { text(): string }[]): string[] =>
  errors.map((error) => error.text());

describe('the name and the stored versions of a definition', () => {
  it('judges a prefix as it judges a name', () => {
    const definition = definitionOf(OBJECT);
    definition.metadata = { generateName: 'cats.' };
    assert.deepEqual(texts(validateDefinition(definition)), [
      'metadata.generateName: Invalid value: "cats.": must be spec.names.plural+"."+spec.group',
    ]);
  });

  it('counts a version once, however often it is there', () => {
    const definition = definitionOf(OBJECT);
    const versions = definition.spec?.versions ?? [];
    definition.spec?.versions.push({ ...(versions[0] as CustomResourceDefinitionVersion) });
    assert.ok(
      texts(validateDefinition(definition)).includes(
        'status.storedVersions: Invalid value: ["v1"]: must have the storage version v1',
      ),
    );
  });
});

const AT = 'spec.validation.openAPIV3Schema';

/** An object with one property at least, with all fields that Go has. */
const GO_SCHEMA =
  '{"ID":"","Schema":"","Ref":null,"Description":"","Type":"object","Nullable":false,"Format":"","Title":"","Default":null,"Maximum":null,"ExclusiveMaximum":false,"Minimum":null,"ExclusiveMinimum":false,"MaxLength":null,"MinLength":null,"Pattern":"","MaxItems":null,"MinItems":null,"UniqueItems":false,"MultipleOf":null,"Enum":null,"MaxProperties":null,"MinProperties":1,"Required":null,"Items":null,"AllOf":null,"OneOf":null,"AnyOf":null,"Not":null,"Properties":null,"AdditionalProperties":null,"PatternProperties":null,"Dependencies":null,"AdditionalItems":null,"Definitions":null,"ExternalDocs":null,"Example":null,"XPreserveUnknownFields":null,"XEmbeddedResource":false,"XIntOrString":false,"XListMapKeys":null,"XListType":null,"XMapType":null,"XValidations":null}';

describe('a new definition', () => {
  it('is fine', () => {
    assert.deepEqual(texts(validateDefinition(definitionOf(OBJECT))), []);
  });

  const rows: readonly [string, CustomResourceDefinition, string[]][] = [
    [
      'forbidden words of OpenAPI',
      definitionOf(spec({ a: { type: 'string', $ref: '#/x' } })),
      [`${AT}.properties[spec].properties[a].$ref: Forbidden: $ref is not supported`],
    ],
    [
      'defaults in metadata',
      definitionOf({
        type: 'object',
        properties: {
          metadata: { type: 'object', properties: { name: { type: 'string', default: 'a' } } },
        },
      }),
      [
        `${AT}.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata`,
      ],
    ],
    [
      'sets of granular objects',
      definitionOf(spec({ a: { type: 'array', 'x-kubernetes-list-type': 'set', items: OBJECT } })),
      [
        `${AT}.properties[spec].properties[a].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      ],
    ],
    [
      'restrictions at the root beside a status',
      definitionOf({ ...OBJECT, minProperties: 1 }, { subresources: { status: {} } }),
      [
        `${AT}: Invalid value: ${GO_SCHEMA}: only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is enabled`,
      ],
    ],
    [
      'selectable fields',
      definitionOf(spec({ a: OBJECT }), {
        selectableFields: [{ jsonPath: '.spec.a' }, { jsonPath: '.spec.b' }, { jsonPath: '' }],
      }),
      [
        'spec.selectableFields[0].jsonPath: Invalid value: ".spec.a": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        'spec.selectableFields[1].jsonPath: Invalid value: ".spec.b": is an invalid path: does not refer to a valid field',
        'spec.selectableFields[2].jsonPath: Required value',
      ],
    ],
    [
      'the form of rules',
      definitionOf({
        ...OBJECT,
        'x-kubernetes-validations': [
          { rule: ' ' },
          { rule: 'a\nb' },
          { rule: 'a', fieldPath: '.x' },
        ],
      }),
      [
        `${AT}.x-kubernetes-validations[0].rule: Required value: rule is not specified`,
        `${AT}.x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line breaks`,
        `${AT}.x-kubernetes-validations[2].fieldPath: Invalid value: ".x": must be a valid path`,
      ],
    ],
    [
      'nullable at the root',
      definitionOf({ ...OBJECT, nullable: true }),
      [`${AT}.nullable: Forbidden: nullable cannot be true at the root`],
    ],
  ];
  for (const [name, definition, expected] of rows) {
    it(`is judged for ${name}`, () => {
      assert.deepEqual(texts(validateDefinition(definition)), expected);
    });
  }

  it('is reported by version when versions differ', () => {
    const definition = definitionOf(spec({ a: {} }));
    const other = { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: OBJECT } };
    definition.spec?.versions.push(other);
    assert.deepEqual(texts(validateDefinition(definition)), [
      'spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].type: Required value: must not be empty for specified object fields',
    ]);
  });

  it('warns of formats that nothing checks', () => {
    const definition = definitionOf(
      spec({ a: { type: 'string', format: 'odd' }, b: { type: 'string', format: 'date' } }),
    );
    assert.deepEqual(definitionWarnings(definition), ['unrecognized format "odd"']);
    assert.deepEqual(definitionWarnings(definition, definition), []);
  });
});

describe('rules of a new definition', () => {
  const engine = (rule: Partial<CompiledRule>): RuleEngine => ({
    compile: () => [{ maxCost: 1, maxCardinality: 1, usesOldSelf: false, ...rule }],
    validate: () => ({ errors: [], forgiven: [], remainingBudget: 0 }),
  });
  const schema = (validation: object): JSONSchemaProps =>
    spec({
      list: {
        type: 'array',
        maxItems: 10,
        items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self', ...validation }] },
      },
    });
  const RULE = `${AT}.properties[spec].properties[list].items.x-kubernetes-validations[0]`;

  it('may not cost too much, as often as they run', () => {
    assert.deepEqual(
      texts(validateDefinition(definitionOf(schema({})), engine({ maxCost: 1_000_000 }))),
      [],
    );
    assert.deepEqual(
      texts(validateDefinition(definitionOf(schema({})), engine({ maxCost: 2_000_000 }))),
      [
        `${RULE}.rule: Forbidden: estimated rule cost exceeds budget by factor of 2.0x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
      ],
    );
  });

  it('may not speak of old values that cannot be found', () => {
    assert.deepEqual(
      texts(validateDefinition(definitionOf(schema({})), engine({ usesOldSelf: true }))),
      [
        `${RULE}.rule: Invalid value: "self": oldSelf cannot be used on the uncorrelatable portion of the schema within ${AT}.properties[spec].properties[list]`,
      ],
    );
    assert.deepEqual(
      texts(validateDefinition(definitionOf(schema({ optionalOldSelf: true })), engine({}))),
      [
        `${RULE}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`,
      ],
    );
  });

  it('are compiled by the engine that the kind was made with', () => {
    const kind = customResourceDefinitionKind(engine({ maxCost: 2_000_000 }));
    assert.equal(kind.validateCreate?.(definitionOf(schema({}))).length, 1);
    assert.equal(kind.validateUpdate?.(definitionOf(schema({})), definitionOf(OBJECT)).length, 1);
    assert.equal(
      kind.validateUpdate?.(definitionOf(schema({})), definitionOf(schema({}))).length,
      0,
    );
  });

  it('are told to be wrong', () => {
    const error = { type: 'invalid', detail: 'compilation failed' } as const;
    assert.deepEqual(texts(validateDefinition(definitionOf(schema({})), engine({ error }))), [
      `${RULE}.rule: Invalid value: {"Rule":"self","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed`,
    ]);
  });
});

describe('an update', () => {
  it('is not asked for what the stored definition breaks already', () => {
    const old = definitionOf(
      spec({ a: { type: 'array', 'x-kubernetes-list-type': 'set', items: OBJECT } }),
    );
    assert.deepEqual(texts(validateDefinitionUpdate(old, old)), []);
  });

  it('does not change names that others hold on to', () => {
    const old = definitionOf(OBJECT);
    old.status?.conditions.push({ type: 'Established', status: 'True' });
    const next = structuredClone(old);
    if (next.spec !== undefined) next.spec.scope = 'Cluster';
    assert.deepEqual(texts(validateDefinitionUpdate(next, old)), [
      'spec.scope: Invalid value: "Cluster": field is immutable',
    ]);
  });

  it('keeps versions that may be stored', () => {
    const old = definitionOf(OBJECT);
    const next = structuredClone(old);
    next.status?.storedVersions.push('v0');
    assert.deepEqual(
      validateDefinitionUpdate(next, old).map((error) => error.field),
      ['status.storedVersions[1]'],
    );
  });

  it('brings no invalid bundle of certificates once the resource is served', () => {
    const old = definitionOf(OBJECT);
    const next = structuredClone(old);
    if (next.spec !== undefined) {
      next.spec.conversion = {
        strategy: 'Webhook',
        webhook: {
          clientConfig: { url: 'https://a.example.com/x', caBundle: 'eA==' },
          conversionReviewVersions: ['v1'],
        },
      };
    }
    assert.deepEqual(texts(validateDefinitionUpdate(next, old)), []);
    old.status?.conditions.push({ type: 'Established', status: 'True' });
    assert.deepEqual(texts(validateDefinitionUpdate(next, old)), [
      'spec.conversion.webhookClientConfig.caBundle: Invalid value: "eA==": unable to load root certificates: unable to parse bytes as PEM block',
    ]);
  });
});

describe('planConditions', () => {
  const other = (acceptedNames: CustomResourceDefinitionNames): CustomResourceDefinition => ({
    ...definitionOf(OBJECT),
    status: { conditions: [], acceptedNames, storedVersions: ['v1'] },
  });

  it('accepts names that nobody has, and then waits to be served', () => {
    const definition = definitionOf(OBJECT);
    const plan = planConditions(definition, [], NOW);
    assert.equal(plan.changed, true);
    assert.equal(plan.acceptedNames.plural, 'cats');
    assert.deepEqual(
      plan.conditions.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['NamesAccepted', 'True', 'NoConflicts'],
        ['Established', 'False', 'Installing'],
      ],
    );
    const named = { ...definition, status: { ...plan, storedVersions: ['v1'] } };
    const [, established] = planEstablished(named, NOW) ?? [];
    assert.deepEqual(established, {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
      lastTransitionTime: NOW,
    });
    assert.equal(planConditions(named, [], NOW).changed, false);
  });

  it('tells of a name that is in use, and takes the others', () => {
    const plan = planConditions(definitionOf(OBJECT), [other({ plural: 'x', kind: 'Cat' })], NOW);
    assert.deepEqual(plan.acceptedNames, {
      plural: 'cats',
      singular: 'cat',
      kind: '',
      listKind: 'CatList',
    });
    const [accepted, established] = plan.conditions;
    assert.deepEqual(
      [accepted?.reason, accepted?.message],
      ['KindConflict', '"Cat" is already in use'],
    );
    assert.deepEqual([established?.status, established?.reason], ['False', 'NotAccepted']);
  });

  it('tells of schemas that are not structural', () => {
    const plan = planConditions(definitionOf(spec({ a: {} })), [], NOW);
    assert.deepEqual(plan.conditions[2], {
      type: 'NonStructuralSchema',
      status: 'True',
      reason: 'Violations',
      message:
        'spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].type: Required value: must not be empty for specified object fields',
      lastTransitionTime: NOW,
    });
  });

  it('tells whether a group of Kubernetes is approved', () => {
    const definition = definitionOf(OBJECT);
    if (definition.spec !== undefined) definition.spec.group = 'x.k8s.io';
    definition.metadata = { annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' } };
    const condition = planConditions(definition, [], NOW).conditions[2];
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'UnapprovedAnnotation']);
  });

  it('tells how the deletion of the objects goes', () => {
    const done = terminatingCondition('done');
    assert.deepEqual([done.status, done.reason], ['False', 'InstanceDeletionCompleted']);
    const failed = deletionFailed('InstanceDeletionCheck', 'why');
    assert.deepEqual(
      [failed.status, failed.reason, failed.message],
      ['True', 'InstanceDeletionCheck', 'why'],
    );
  });
});
