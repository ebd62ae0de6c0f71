/**
 * What the expressions of admission policies and of webhooks' match conditions may name.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin/cel/compile.go and
 * composition.go.
 */
import type { TypeProvider } from '#cel/check/declarations.ts';
import {
  BOOL,
  DYN,
  INT,
  listType,
  mapType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
} from '#cel/check/type.ts';
import { celEnvironment, type CelEnvironment } from '#cel/kubernetes.ts';
import { type DeclaredType, typesOf } from '#cel/schema/declared-type.ts';
import { AUTHORIZER_TYPE, RESOURCE_CHECK_TYPE } from '#cel/library/authorizer.ts';
import { mutationTypes } from '#cel/library/mutation.ts';

const STRINGS = listType(STRING);
const TEXTS = mapType(STRING, STRING);
const kubernetes = (name: string): Type => structType(`kubernetes.${name}`);
const VARIABLES = 'kubernetes.variables';

const KIND = kubernetes('GroupVersionKind');
const RESOURCE = kubernetes('GroupVersionResource');

/** The fields of each type of object that is known. */
const OBJECTS: Readonly<Record<string, Readonly<Record<string, Type>>>> = {
  'kubernetes.GroupVersionKind': { group: STRING, version: STRING, kind: STRING },
  'kubernetes.GroupVersionResource': { group: STRING, version: STRING, resource: STRING },
  'kubernetes.UserInfo': {
    username: STRING,
    uid: STRING,
    groups: STRINGS,
    extra: mapType(STRING, STRINGS),
  },
  'kubernetes.AdmissionRequest': {
    kind: KIND,
    resource: RESOURCE,
    subResource: STRING,
    requestKind: KIND,
    requestResource: RESOURCE,
    requestSubResource: STRING,
    name: STRING,
    namespace: STRING,
    operation: STRING,
    userInfo: kubernetes('UserInfo'),
    dryRun: BOOL,
    options: DYN,
  },
  'kubernetes.Namespace': {
    metadata: kubernetes('NamespaceMetadata'),
    spec: kubernetes('NamespaceSpec'),
    status: kubernetes('NamespaceStatus'),
  },
  'kubernetes.NamespaceMetadata': {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: TEXTS,
    annotations: TEXTS,
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: STRINGS,
  },
  'kubernetes.NamespaceSpec': { finalizers: STRINGS },
  'kubernetes.NamespaceStatus': {
    conditions: listType(kubernetes('NamespaceCondition')),
    phase: STRING,
  },
  'kubernetes.NamespaceCondition': {
    status: STRING,
    type: STRING,
    lastTransitionTime: TIMESTAMP,
    message: STRING,
    reason: STRING,
  },
};

export interface AdmissionVariables {
  /** `params`: there is a kind of parameters. */
  readonly hasParams: boolean;
  readonly hasAuthorizer: boolean;
  /** `Object{}` and `JSONPatch{}` can be made. */
  readonly hasPatchTypes: boolean;
  /** The types of the policy's own variables by name; undefined: there is no `variables`. */
  readonly composed?: ReadonlyMap<string, Type>;
  /** What objects and parameters look like; without it nothing is known of them. */
  readonly typed?: TypedVariables;
}

export interface TypedVariables {
  readonly object: DeclaredType | undefined;
  readonly params: DeclaredType | undefined;
}

const bases = new Map<string, CelEnvironment>();

function base(minor: number, hasJsonPatch: boolean): CelEnvironment {
  const key = `${minor} ${hasJsonPatch}`;
  const known = bases.get(key);
  if (known !== undefined) return known;
  const made = celEnvironment({ minor, hasJsonPatch });
  bases.set(key, made);
  return made;
}

function typesWith(
  composed: ReadonlyMap<string, Type> | undefined,
  typed: TypedVariables | undefined,
): TypeProvider {
  const declared = [typed?.object, typed?.params].filter((each) => each !== undefined);
  const schemas = typesOf(declared);
  return {
    hasStruct: (name) =>
      Object.hasOwn(OBJECTS, name) ||
      (composed !== undefined && name === VARIABLES) ||
      schemas.hasStruct(name),
    fieldType: (name, field) => {
      if (name === VARIABLES) return composed?.get(field);
      const fields = OBJECTS[name];
      if (fields === undefined) return schemas.fieldType(name, field);
      return Object.hasOwn(fields, field) ? fields[field] : undefined;
    },
  };
}

/** `minor`: of the version of Kubernetes 1 whose features there are. */
export function admissionEnvironment(
  minor: number,
  { hasParams, hasAuthorizer, hasPatchTypes, composed, typed }: AdmissionVariables,
): CelEnvironment {
  const types = typesWith(composed, typed);
  const object = typed?.object?.type ?? DYN;
  return base(minor, hasPatchTypes).extend({
    variables: {
      object,
      oldObject: object,
      namespaceObject: kubernetes('Namespace'),
      request: kubernetes('AdmissionRequest'),
      ...(composed === undefined ? {} : { variables: structType(VARIABLES) }),
      ...(hasParams ? { params: typed?.params?.type ?? DYN } : {}),
      ...(hasAuthorizer ? { authorizer: AUTHORIZER_TYPE } : {}),
      // Upstream's type checker does not know it.
      ...(hasAuthorizer && typed === undefined
        ? { 'authorizer.requestResource': RESOURCE_CHECK_TYPE }
        : {}),
    },
    provider: hasPatchTypes ? mutationTypes(types) : types,
  });
}
