/**
 * Authorization: may this user do this?
 *
 * Authorizers are asked in order; the first that allows or denies decides, and when none has an
 * opinion the answer is no. Source: Kubernetes documentation, "Authorization overview".
 */
import { type FieldTerm, parseFieldSelector } from '#api/meta/field-selector.ts';
import type { Selector } from '#api/meta/labels.ts';
import { parseSelector, SelectorSyntaxError } from '#api/meta/selector-parser.ts';
import { forbidden, StatusError } from '#api/meta/status.ts';
import type { Eventual } from '#base/eventual.ts';
import { MASTERS_GROUP, type User } from '../context.ts';
import type { RequestInfo } from '../request-info.ts';

export interface AuthorizationAttributes {
  readonly user: User;
  readonly verb: string;
  /** A path, for requests that are of no resource. */
  readonly path: string;
  readonly isResourceRequest: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  /** Of a list or watch: the one name that the field selector leaves. */
  readonly name: string;
  /** What a list, watch or deletecollection is limited to (KEP-4601). */
  readonly fields?: readonly FieldTerm[];
  /** The same by labels; read when somebody asks, as few authorizers do. */
  readonly labels?: () => Selector;
}

export interface Decision {
  readonly outcome: 'allow' | 'deny' | 'none';
  readonly reason: string;
  /** What went wrong meanwhile: with it a request that is not allowed is an error of the server's. */
  readonly error?: string;
}

/**
 * Those that know answer at once: what most requests pass makes no promise. `signal`: that of the
 * request, for those that have to ask elsewhere.
 */
export type Authorizer = (
  attributes: AuthorizationAttributes,
  signal?: AbortSignal,
) => Eventual<Decision>;

/** One that knows, and so answers at once. */
export type LocalAuthorizer = (attributes: AuthorizationAttributes) => Decision;

export function attributesFor(user: User, info: RequestInfo): AuthorizationAttributes {
  const { verb, path, isResourceRequest, group, version, resource, subresource, namespace } = info;
  const fields = SELECTING_VERBS.has(verb) ? fieldsOf(info.query.get('fieldSelector')) : [];
  const only =
    verb === 'deletecollection'
      ? undefined
      : fields.find(({ field, equal }) => equal && field === 'metadata.name');
  const name = info.name === '' ? (only?.value ?? '') : info.name;
  return {
    user,
    verb,
    path,
    isResourceRequest,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    fields,
    ...(SELECTING_VERBS.has(verb) ? labelsOf(info.query.get('labelSelector')) : {}),
  };
}

/** A selector that cannot be read limits nothing; the verb refuses it later. */
function labelsOf(selector: string | null): { labels?: () => Selector } {
  if (selector === null || selector === '') return {};
  return { labels: () => readable(() => parseSelector(selector)) };
}

const SELECTING_VERBS = new Set(['list', 'watch', 'deletecollection']);

/** As that of labels. */
function fieldsOf(selector: string | null): readonly FieldTerm[] {
  return selector === null || selector === '' ? [] : readable(() => parseFieldSelector(selector));
}

/** What is read, or nothing where it cannot be. */
export function readable<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof SelectorSyntaxError) return [];
    throw error;
  }
}

/** What those who had no opinion said. */
interface Undecided {
  readonly reasons: string[];
  readonly errors: string[];
}

/** Every request comes by here: as long as all answer at once, this is a loop and nothing else. */
export function composeAuthorizers(authorizers: readonly Authorizer[]): Authorizer {
  return (attributes, signal) => {
    const said: Undecided = { reasons: [], errors: [] };
    return decide({ authorizers, attributes, signal, said }, 0);
  };
}

interface Asking {
  readonly authorizers: readonly Authorizer[];
  readonly attributes: AuthorizationAttributes;
  readonly signal: AbortSignal | undefined;
  readonly said: Undecided;
}

/** Asks from the one at `start` on. */
function decide(asking: Asking, start: number): Eventual<Decision> {
  const { authorizers, attributes, signal, said } = asking;
  for (let i = start; i < authorizers.length; i++) {
    const answer = authorizers[i]?.(attributes, signal);
    if (answer instanceof Promise)
      return answer.then((decision) =>
        isFinal(decision, said) ? decision : decide(asking, i + 1),
      );
    if (answer !== undefined && isFinal(answer, said)) return answer;
  }
  const reason = said.reasons.join('\n');
  return said.errors.length === 0
    ? { outcome: 'none', reason }
    : { outcome: 'none', reason, error: aggregate(said.errors) };
}

function isFinal({ outcome, reason, error }: Decision, { reasons, errors }: Undecided): boolean {
  if (outcome !== 'none') return true;
  if (reason !== '') reasons.push(reason);
  if (error !== undefined) errors.push(error);
  return false;
}

/** What Go's aggregate of errors prints; empty for none. */
export function aggregate(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length > 1 ? `[${unique.join(', ')}]` : unique.join();
}

/** `system:masters` may do everything, whatever RBAC says (upstream's privileged group). */
export const mastersAuthorizer: LocalAuthorizer = ({ user }) =>
  user.groups.includes(MASTERS_GROUP)
    ? { outcome: 'allow', reason: '' }
    : { outcome: 'none', reason: '' };

/** Upstream's sentence for a refusal. */
export function forbiddenMessage(attributes: AuthorizationAttributes): string {
  const { user, verb } = attributes;
  const name = JSON.stringify(user.name);
  if (!attributes.isResourceRequest)
    return `User ${name} cannot ${verb} path ${JSON.stringify(attributes.path)}`;
  const resource =
    attributes.subresource === ''
      ? attributes.resource
      : `${attributes.resource}/${attributes.subresource}`;
  const where =
    attributes.namespace === ''
      ? 'at the cluster scope'
      : `in the namespace ${JSON.stringify(attributes.namespace)}`;
  return `User ${name} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)} ${where}`;
}

/** The 403 for what was asked, with the authorizer's reason where it has one. */
export function refusal(attributes: AuthorizationAttributes, reason: string): StatusError {
  const message = forbiddenMessage(attributes) + (reason === '' ? '' : `: ${reason}`);
  if (attributes.isResourceRequest) return forbidden(attributes, attributes.name, message);
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: `forbidden: ${message}`,
    details: {},
  });
}
