/**
 * The variable `authorizer` of expressions, on the server's authorizer.
 *
 * Upstream: apiserver/pkg/cel/library/authz.go; admission/plugin/authorizer/caching_authorizer.go
 * (within one request the same question is asked once).
 */
import { type FieldTerm, parseFieldSelector } from '#api/meta/field-selector.ts';
import { SelectorSyntaxError } from '#api/meta/selector-parser.ts';
import type { CelAuthorizer, CheckDecision, CheckedResource } from '#cel/library/authorizer.ts';
import type { AuthorizationAttributes, Decision } from '../../authz/authorizer.ts';
import type { User } from '../../context.ts';

/** The server's authorizer; it may have to ask somebody else. */
export type Ask = (attributes: AuthorizationAttributes) => Decision | Promise<Decision>;

/** Stands for an answer that is on its way: what is made of it is thrown away. */
const PENDING: CheckDecision = { isAllowed: false, reason: '' };

/** The decisions that expressions of one request have asked for. */
export class RequestDecisions {
  readonly #ask: Ask;
  readonly #known = new Map<string, CheckDecision>();
  #pending: Promise<void>[] = [];

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /**
   * What `run` answers on the decisions that it asks `user`'s authorizer for. Expressions cannot
   * wait: `run` is called again when answers have come that it could not have, and must change
   * nothing.
   */
  async run<T>(user: User, run: (authorizer: CelAuthorizer) => T): Promise<T> {
    for (;;) {
      const result = run(this.#authorizerOf(user));
      if (this.#pending.length === 0) return result;
      const pending = this.#pending;
      this.#pending = [];
      await Promise.all(pending);
    }
  }

  #authorizerOf(user: User): CelAuthorizer {
    return {
      checkPath: (path, verb) =>
        this.#check({ ...NOTHING, user, verb, path, isResourceRequest: false }),
      checkResource: (resource, verb) => this.#check(resourceAttributes(user, resource, verb)),
      forServiceAccount: (namespace, name) =>
        this.#authorizerOf(serviceAccountUser(namespace, name)),
    };
  }

  /** The one place where the server's authorizer is asked. */
  #check(attributes: AuthorizationAttributes): CheckDecision {
    const key = JSON.stringify(attributes);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const answer = this.#ask(attributes);
    if (!(answer instanceof Promise)) return this.#note(key, answer);
    this.#pending.push(
      answer.then(
        (decision) => void this.#note(key, decision),
        (error: unknown) => void this.#known.set(key, { ...PENDING, error: String(error) }),
      ),
    );
    return PENDING;
  }

  #note(key: string, { outcome, reason }: Decision): CheckDecision {
    const decision = { isAllowed: outcome === 'allow', reason };
    this.#known.set(key, decision);
    return decision;
  }
}

const NOTHING = {
  path: '',
  group: '',
  version: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

function resourceAttributes(
  user: User,
  checked: CheckedResource,
  verb: string,
): AuthorizationAttributes {
  const { group, resource, subresource, namespace, name } = checked;
  const fields = fieldsOf(checked.fieldSelector);
  return {
    path: '',
    group,
    resource,
    subresource,
    namespace,
    name,
    user,
    verb,
    isResourceRequest: true,
    version: '*',
    ...(fields.length === 0 ? {} : { fields }),
  };
}

/** A selector that cannot be read limits nothing. */
function fieldsOf(selector: string): readonly FieldTerm[] {
  if (selector === '') return [];
  try {
    return parseFieldSelector(selector);
  } catch (error) {
    if (error instanceof SelectorSyntaxError) return [];
    throw error;
  }
}

function serviceAccountUser(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
}
