/**
 * `authorizer`: asks whether a user may do something.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/authz.go. Who answers is
 * given from outside: CEL knows no users.
 */
import { type FunctionTable, member } from '../check/declarations.ts';
import { BOOL, STRING, structType, type Type } from '../check/type.ts';
import { CelError, OpaqueValue, textOf, type Value } from '../value/value.ts';
import { labelErrors, subdomainErrors } from './format.ts';
import { methodsOf } from './opaque.ts';

export const AUTHORIZER_TYPE = structType('kubernetes.authorization.Authorizer');
const PATH_CHECK_TYPE = structType('kubernetes.authorization.PathCheck');
const GROUP_CHECK_TYPE = structType('kubernetes.authorization.GroupCheck');
export const RESOURCE_CHECK_TYPE = structType('kubernetes.authorization.ResourceCheck');
const DECISION_TYPE = structType('kubernetes.authorization.Decision');

/** A resource that is asked for; the version is any. */
export interface CheckedResource {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** As written; empty for none. */
  readonly fieldSelector: string;
  /** As written; empty for none. */
  readonly labelSelector: string;
}

export interface CheckDecision {
  readonly isAllowed: boolean;
  readonly reason: string;
  /** Why nobody could decide. */
  readonly error?: string;
}

/** Decides for one user. */
export interface CelAuthorizer {
  readonly checkPath: (path: string, verb: string) => CheckDecision;
  readonly checkResource: (resource: CheckedResource, verb: string) => CheckDecision;
  /** The same for a service account in place of the user. */
  readonly forServiceAccount: (namespace: string, name: string) => CelAuthorizer;
}

abstract class Identical extends OpaqueValue {
  override isEqual(other: OpaqueValue): boolean {
    return this === other;
  }
}

class AuthorizerValue extends Identical {
  override readonly type: Type = AUTHORIZER_TYPE;
  readonly authorizer: CelAuthorizer;

  constructor(authorizer: CelAuthorizer) {
    super();
    this.authorizer = authorizer;
  }
}

class PathCheck extends Identical {
  override readonly type: Type = PATH_CHECK_TYPE;
  readonly authorizer: CelAuthorizer;
  readonly path: string;

  constructor(authorizer: CelAuthorizer, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck extends Identical {
  override readonly type: Type = GROUP_CHECK_TYPE;
  readonly authorizer: CelAuthorizer;
  readonly group: string;

  constructor(authorizer: CelAuthorizer, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }
}

class ResourceCheck extends Identical {
  override readonly type: Type = RESOURCE_CHECK_TYPE;
  readonly authorizer: CelAuthorizer;
  readonly resource: CheckedResource;

  constructor(authorizer: CelAuthorizer, resource: CheckedResource) {
    super();
    this.authorizer = authorizer;
    this.resource = resource;
  }

  with(change: Partial<CheckedResource>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.resource, ...change });
  }
}

class DecisionValue extends Identical {
  override readonly type: Type = DECISION_TYPE;
  readonly decision: CheckDecision;

  constructor(decision: CheckDecision) {
    super();
    this.decision = decision;
  }
}

const NO_RESOURCE: CheckedResource = {
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  fieldSelector: '',
  labelSelector: '',
};

/** The value of the variable `authorizer`. */
export const authorizerValue = (authorizer: CelAuthorizer): Value =>
  new AuthorizerValue(authorizer);

/** The value of `authorizer.requestResource`. */
export const resourceCheckValue = (
  authorizer: CelAuthorizer,
  resource: Omit<CheckedResource, 'fieldSelector' | 'labelSelector'>,
): Value => new ResourceCheck(authorizer, { ...NO_RESOURCE, ...resource });

const onAuthorizer = methodsOf(AuthorizerValue, AUTHORIZER_TYPE);
const onPath = methodsOf(PathCheck, PATH_CHECK_TYPE);
const onGroup = methodsOf(GroupCheck, GROUP_CHECK_TYPE);
const onResource = methodsOf(ResourceCheck, RESOURCE_CHECK_TYPE);
const onDecision = methodsOf(DecisionValue, DECISION_TYPE);

function serviceAccount({ authorizer }: AuthorizerValue, namespace: Value, name: Value): Value {
  if (subdomainErrors(textOf(name)).length > 0) return new CelError('Invalid service account name');
  if (labelErrors(textOf(namespace)).length > 0) {
    return new CelError('Invalid service account namespace');
  }
  return new AuthorizerValue(authorizer.forServiceAccount(textOf(namespace), textOf(name)));
}

const part = (id: string, field: keyof CheckedResource): ReturnType<typeof member> =>
  onResource(id, [STRING], RESOURCE_CHECK_TYPE, (check, text) =>
    check.with({ [field]: textOf(text ?? '') }),
  );

const argument = (value: Value | undefined): string => textOf(value ?? '');

export const AUTHORIZER_LIBRARY: FunctionTable = {
  path: [
    onAuthorizer('authorizer_path', [STRING], PATH_CHECK_TYPE, ({ authorizer }, path) =>
      argument(path).trim() === ''
        ? new CelError('path must not be empty')
        : new PathCheck(authorizer, argument(path)),
    ),
  ],
  group: [
    onAuthorizer(
      'authorizer_group',
      [STRING],
      GROUP_CHECK_TYPE,
      ({ authorizer }, group) => new GroupCheck(authorizer, argument(group)),
    ),
  ],
  serviceAccount: [
    onAuthorizer(
      'authorizer_serviceaccount',
      [STRING, STRING],
      AUTHORIZER_TYPE,
      (target, namespace, name) => serviceAccount(target, namespace ?? '', name ?? ''),
    ),
  ],
  resource: [
    onGroup(
      'groupcheck_resource',
      [STRING],
      RESOURCE_CHECK_TYPE,
      ({ authorizer, group }, resource) =>
        argument(resource).trim() === ''
          ? new CelError('resource must not be empty')
          : new ResourceCheck(authorizer, { ...NO_RESOURCE, group, resource: argument(resource) }),
    ),
  ],
  subresource: [part('resourcecheck_subresource', 'subresource')],
  namespace: [part('resourcecheck_namespace', 'namespace')],
  name: [part('resourcecheck_name', 'name')],
  check: [
    onPath(
      'pathcheck_check',
      [STRING],
      DECISION_TYPE,
      ({ authorizer, path }, verb) => new DecisionValue(authorizer.checkPath(path, argument(verb))),
    ),
    onResource(
      'resourcecheck_check',
      [STRING],
      DECISION_TYPE,
      ({ authorizer, resource }, verb) =>
        new DecisionValue(authorizer.checkResource(resource, argument(verb))),
    ),
  ],
  allowed: [onDecision('decision_allowed', [], BOOL, ({ decision }) => decision.isAllowed)],
  reason: [onDecision('decision_reason', [], STRING, ({ decision }) => decision.reason)],
  errored: [
    onDecision('decision_errored', [], BOOL, ({ decision }) => decision.error !== undefined),
  ],
  error: [onDecision('decision_error', [], STRING, ({ decision }) => decision.error ?? '')],
};

/** `fieldSelector` and `labelSelector`, since Kubernetes 1.31. */
export const AUTHORIZER_SELECTORS_LIBRARY: FunctionTable = {
  fieldSelector: [part('authorizer_fieldselector', 'fieldSelector')],
  labelSelector: [part('authorizer_labelselector', 'labelSelector')],
};
