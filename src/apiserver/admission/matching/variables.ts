/**
 * What expressions of webhooks and policies can read of a request.
 *
 * Source: API reference admissionregistration/v1, Validation.expression; upstream v1.36
 * admission/plugin/cel/activation.go and condition.go (CreateNamespaceObject).
 */
import type { Namespace } from '#api/gen/core-v1.ts';
import type { JsonObject } from '#api/meta/object.ts';
import type { Variables } from '#cel/eval/program.ts';
import {
  authorizerValue,
  type CelAuthorizer,
  resourceCheckValue,
} from '#cel/library/authorizer.ts';
import type { CelSchema } from '#cel/schema/schema.ts';
import { schemaValue } from '#cel/schema/values.ts';
import { jsonValue } from '#cel/value/json.ts';
import type { Value } from '#cel/value/value.ts';
import type { RequestView } from './request.ts';

/** Objects are as Go writes them; undefined is null. */
export interface ExpressionInput {
  readonly view: RequestView;
  readonly request: JsonObject;
  readonly object: JsonObject | undefined;
  readonly old: JsonObject | undefined;
  /** One parameter of a policy, where it has any. */
  readonly params?: JsonObject | undefined;
  /** The variable `namespaceObject`; null unless given. */
  readonly namespace?: Value;
}

/** Without an authorizer expressions have none. */
export function variablesOf(input: ExpressionInput, authorizer?: CelAuthorizer): Variables {
  return {
    object: jsonValue(input.object),
    oldObject: jsonValue(input.old),
    namespaceObject: input.namespace ?? null,
    request: jsonValue(input.request),
    params: jsonValue(input.params),
    ...(authorizer === undefined
      ? {}
      : {
          authorizer: authorizerValue(authorizer),
          'authorizer.requestResource': resourceCheckValue(authorizer, checkedResource(input.view)),
        }),
  };
}

function checkedResource({ resource, subresource, namespace, name }: RequestView) {
  return { group: resource.group, resource: resource.resource, subresource, namespace, name };
}

const STRING: CelSchema = { type: 'string' };
const INTEGER: CelSchema = { type: 'integer' };
const TIME: CelSchema = { type: 'string', format: 'date-time' };
const STRINGS: CelSchema = { type: 'array', items: STRING };
const TEXTS: CelSchema = { type: 'object', additionalProperties: STRING };

/** What expressions see of a Namespace; the rest is not there. */
const NAMESPACE: CelSchema = {
  type: 'object',
  properties: {
    metadata: {
      type: 'object',
      properties: {
        name: STRING,
        generateName: STRING,
        namespace: STRING,
        uid: STRING,
        resourceVersion: STRING,
        generation: INTEGER,
        creationTimestamp: TIME,
        deletionTimestamp: TIME,
        deletionGracePeriodSeconds: INTEGER,
        labels: TEXTS,
        annotations: TEXTS,
        finalizers: STRINGS,
      },
    },
    spec: { type: 'object', properties: { finalizers: STRINGS } },
    status: {
      type: 'object',
      properties: {
        phase: STRING,
        conditions: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: STRING,
              status: STRING,
              reason: STRING,
              message: STRING,
              lastTransitionTime: TIME,
            },
          },
        },
      },
    },
  },
};

/** The variable `namespaceObject`; null where the request is of no namespace. */
export function namespaceValue(namespace: Namespace | undefined): Value {
  return namespace === undefined ? null : schemaValue(namespace, NAMESPACE);
}
