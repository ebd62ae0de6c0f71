/**
 * Whether one user may act as another.
 *
 * There are five modes. In the constrained ones (KEP-5284, gate ConstrainedImpersonation) it takes
 * two rights: to do what is asked while acting as somebody (`impersonate-on:MODE:VERB` on the
 * resource), and to act as this one (`impersonate:MODE` on the name, each group, the uid and each
 * extra value). Nodes and service accounts have modes of their own, in which only the name is the
 * caller's to choose. The legacy mode is the right to `impersonate` alone, whatever is then done.
 *
 * Nothing that was granted is kept: upstream keeps it for ten seconds, because its authorizer may
 * be far away.
 *
 * Source: upstream apiserver/pkg/endpoints/filters/impersonation/{constrained_impersonation,mode}.go.
 */
import { fieldPath } from '#api/meta/field.ts';
import { nameIsDnsLabel, nameIsDnsSubdomain } from '#api/meta/names.ts';
import type { StatusError } from '#api/meta/status.ts';
import { validateDomainPath } from '#api/validation/common.ts';
import { NODES_GROUP } from '../authn/node-identity.ts';
import {
  ANONYMOUS,
  AUTHENTICATED_GROUP,
  MASTERS_GROUP,
  UNAUTHENTICATED_GROUP,
  type User,
} from '../context.ts';
import { type AuthorizationAttributes, type Authorizer, refusal } from './authorizer.ts';

export type ImpersonationMode =
  | 'associated-node'
  | 'arbitrary-node'
  | 'serviceaccount'
  | 'user-info'
  | 'legacy';

export interface Impersonated {
  readonly user: User;
  readonly mode: ImpersonationMode;
}

/** In the order in which they are tried. */
const MODES: readonly ImpersonationMode[] = [
  'associated-node',
  'arbitrary-node',
  'serviceaccount',
  'user-info',
  'legacy',
];

/** Of so many callers it is known which mode they used last; then the oldest is forgotten. */
const LAST_MODES_MAX = 10_000;
/** From so many groups or extra values on, the right to all of them is asked for first. */
const MANY_CHECKS = 4;
/** The extra value by which a service account's token says on which node its Pod runs. */
const NODE_NAME_KEY = 'authentication.kubernetes.io/node-name';
const ASSOCIATED_KEYS = 'authentication.kubernetes.io/associated-node-keys';
const NODE_PREFIX = 'system:node:';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const AUTHENTICATION_GROUP = 'authentication.k8s.io';
const EXTRA_KEY = fieldPath('extra').child('key');

export class Impersonation {
  readonly #authorize: Authorizer;
  readonly #modes: readonly ImpersonationMode[];
  /** By the caller's name. What worked last is tried first, and names the refusal. */
  readonly #lastModes = new Map<string, ImpersonationMode>();

  constructor(authorize: Authorizer, options: { readonly constrained: boolean }) {
    this.#authorize = authorize;
    this.#modes = options.constrained ? MODES : ['legacy'];
  }

  /**
   * Whom the caller of `attributes` acts as who wants to be `wanted` (as the headers name it).
   * Throws the 403 of the first mode that applies and refuses, when none grants it.
   */
  async check(
    wanted: User,
    attributes: AuthorizationAttributes,
    signal?: AbortSignal,
  ): Promise<Impersonated> {
    const caller = attributes.user.name;
    const last = this.#lastModes.get(caller);
    const order =
      last === undefined ? this.#modes : [last, ...this.#modes.filter((mode) => mode !== last)];
    let first: StatusError | undefined;
    for (const mode of order) {
      if (!applies(mode, wanted, attributes.user)) continue;
      const refused = await this.#refusalBy(mode, wanted, { attributes, signal });
      if (refused === undefined) {
        this.#remember(caller, mode);
        return { user: asGranted(mode, wanted), mode };
      }
      first ??= refused;
    }
    // The legacy mode applies to everybody, so that there is a refusal.
    throw first ?? refusal(attributes, 'all impersonation modes failed');
  }

  #remember(caller: string, mode: ImpersonationMode): void {
    this.#lastModes.delete(caller);
    if (this.#lastModes.size >= LAST_MODES_MAX) {
      const [oldest] = this.#lastModes.keys();
      if (oldest !== undefined) this.#lastModes.delete(oldest);
    }
    this.#lastModes.set(caller, mode);
  }

  async #refusalBy(
    mode: ImpersonationMode,
    wanted: User,
    { attributes, signal }: ByWhom,
  ): Promise<StatusError | undefined> {
    const user = mode === 'associated-node' ? asAnyAssociated(attributes.user) : attributes.user;
    const ask = async (asked: AuthorizationAttributes): Promise<StatusError | undefined> => {
      const { outcome, reason } = await this.#authorize(asked, signal);
      return outcome === 'allow' ? undefined : refusal(asked, reason);
    };
    if (mode !== 'legacy') {
      const verb = `impersonate-on:${mode}:${attributes.verb}`;
      const refused = await ask({ ...attributes, user, verb });
      if (refused !== undefined) return refused;
    }
    const verb = mode === 'legacy' ? 'impersonate' : `impersonate:${mode}`;
    const right = { ...NO_TARGET, user, verb };
    const parts = partsOf(mode, wanted);
    for (const { every, each, invalid } of parts) {
      if (invalid !== undefined) return refusal({ ...right, ...invalid.target }, invalid.message);
      if (every !== undefined && (await ask({ ...right, ...every })) === undefined) continue;
      for (const target of each) {
        const refused = await ask({ ...right, ...target });
        if (refused !== undefined) return refused;
      }
    }
    return undefined;
  }
}

/** The request that is made as somebody else, by its caller. */
interface ByWhom {
  readonly attributes: AuthorizationAttributes;
  readonly signal: AbortSignal | undefined;
}

/** What the right to impersonate is a right to. */
interface Target {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

/** One part of a user: its name, its uid, its groups, its extra values. */
interface Part {
  /** The right to all of them at once, asked for first. */
  readonly every?: Target;
  readonly each: readonly Target[];
  /** Nobody may be this. */
  readonly invalid?: { readonly target: Target; readonly message: string };
}

const NO_TARGET = {
  path: '',
  isResourceRequest: true,
  version: 'v1',
  namespace: '',
  subresource: '',
} as const;

/** Whether a mode is for this user at all. */
function applies(mode: ImpersonationMode, wanted: User, caller: User): boolean {
  const node = nodeOf(wanted.name);
  const account = accountOf(wanted.name);
  switch (mode) {
    case 'associated-node':
      return isNameAlone(wanted) && node !== undefined && associatedNode(caller) === node;
    case 'arbitrary-node':
      return isNameAlone(wanted) && node !== undefined;
    case 'serviceaccount':
      return isNameAlone(wanted) && account !== undefined;
    case 'user-info':
      return node === undefined && account === undefined;
    case 'legacy':
      return true;
  }
}

/** What it takes the right to, in the order in which it is asked for. */
function partsOf(mode: ImpersonationMode, wanted: User): Part[] {
  const constrained = mode !== 'legacy';
  const group = constrained ? AUTHENTICATION_GROUP : '';
  const parts: Part[] = [{ each: [nameTarget(mode, wanted.name, group)] }];
  if (wanted.uid !== undefined)
    parts.push({ each: [{ group: AUTHENTICATION_GROUP, resource: 'uids', name: wanted.uid }] });
  if (wanted.groups.length > 0) parts.push(groupsPart(wanted.groups, group, constrained));
  if (wanted.extra !== undefined) parts.push(extraPart(wanted.extra, constrained));
  return parts;
}

function nameTarget(mode: ImpersonationMode, name: string, group: string): Target {
  const account = accountOf(name);
  if (account !== undefined) return { group, resource: 'serviceaccounts', ...account };
  const node = mode === 'legacy' ? undefined : nodeOf(name);
  if (node === undefined) return { group, resource: 'users', name };
  // The right to the node where one is does not depend on where that is.
  return { group, resource: 'nodes', name: mode === 'associated-node' ? '*' : node };
}

function groupsPart(groups: readonly string[], group: string, constrained: boolean): Part {
  const target = (name: string): Target => ({ group, resource: 'groups', name });
  const each = groups.map((name) => target(name));
  if (!constrained) return { each };
  if (groups.includes('')) {
    const message = 'impersonating the empty string group is not allowed';
    return { each, invalid: { target: target(''), message } };
  }
  if (groups.includes(MASTERS_GROUP)) {
    const message = 'impersonating the system:masters group is not allowed';
    return { each, invalid: { target: target(MASTERS_GROUP), message } };
  }
  return groups.length < MANY_CHECKS ? { each } : { each, every: target('*') };
}

function extraPart(extra: NonNullable<User['extra']>, constrained: boolean): Part {
  const target = (subresource: string, name: string): Target => ({
    group: AUTHENTICATION_GROUP,
    resource: 'userextras',
    subresource,
    name,
  });
  const each = Object.entries(extra).flatMap(([key, values]) =>
    values.map((value) => target(key, value)),
  );
  if (!constrained) return { each };
  const message = invalidExtra(extra);
  if (message !== undefined) return { each, invalid: { target: target('', ''), message } };
  const isMany = Object.keys(extra).length >= MANY_CHECKS || each.length >= MANY_CHECKS;
  return isMany ? { each, every: target('*', '*') } : { each };
}

function invalidExtra(extra: NonNullable<User['extra']>): string | undefined {
  for (const [key, values] of Object.entries(extra)) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed';
    const [error] = validateDomainPath(key, EXTRA_KEY);
    if (error !== undefined)
      return `impersonating an invalid key in extra is not allowed: ${error.text()}`;
    if (key !== key.toLowerCase())
      return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed';
  }
  return undefined;
}

/** The user as the rest of the server sees it: with the groups that come with its name. */
function asGranted(mode: ImpersonationMode, wanted: User): User {
  const groups = [...ownGroups(mode, wanted)];
  if (wanted.name === ANONYMOUS.name) {
    if (!groups.includes(UNAUTHENTICATED_GROUP)) groups.push(UNAUTHENTICATED_GROUP);
  } else if (!groups.includes(UNAUTHENTICATED_GROUP) && !groups.includes(AUTHENTICATED_GROUP)) {
    groups.push(AUTHENTICATED_GROUP);
  }
  return { ...wanted, groups };
}

function ownGroups(mode: ImpersonationMode, { name, groups }: User): readonly string[] {
  if (mode !== 'legacy' && nodeOf(name) !== undefined) return [NODES_GROUP];
  const account = accountOf(name);
  if (groups.length > 0 || account === undefined) return groups;
  return ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
}

function isNameAlone({ uid, groups, extra }: User): boolean {
  return uid === undefined && groups.length === 0 && extra === undefined;
}

function nodeOf(userName: string): string | undefined {
  if (!userName.startsWith(NODE_PREFIX)) return undefined;
  const name = userName.slice(NODE_PREFIX.length);
  return nameIsDnsSubdomain(name, false).length === 0 ? name : undefined;
}

function accountOf(userName: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = SERVICE_ACCOUNT.exec(userName) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  const isValid =
    nameIsDnsLabel(namespace, false).length === 0 && nameIsDnsSubdomain(name, false).length === 0;
  return isValid ? { namespace, name } : undefined;
}

/** The node where the Pod of a service account runs, as its token says. */
function associatedNode({ name, extra }: User): string | undefined {
  const values = extra?.[NODE_NAME_KEY] ?? [];
  return accountOf(name) !== undefined && values.length === 1 ? values[0] : undefined;
}

/** A service account on whichever node: which one it is has been compared before. */
function asAnyAssociated(caller: User): User {
  return { ...caller, extra: { [ASSOCIATED_KEYS]: Object.keys(caller.extra ?? {}).toSorted() } };
}
