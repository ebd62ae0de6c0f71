/**
 * The least that somebody needs: roles for what they did, read from the audit log, and bindings.
 *
 * Requests that were refused are left out: what they wanted was not theirs. Requests of no user of
 * the log, and stages before the answer, say nothing.
 */
import type { JsonObject } from '#api/meta/object.ts';
import type { PolicyRule, Subject } from '#api/gen/rbac-v1.ts';

/** What an event of the audit log (audit.k8s.io/v1) says of a request. */
export interface AuditedRequest {
  readonly stage?: string;
  readonly verb?: string;
  readonly requestURI?: string;
  readonly user?: { readonly username?: string };
  readonly impersonatedUser?: { readonly username?: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface LeastOptions {
  /** As the log has it: `jane`, `system:serviceaccount:shop:web`. */
  readonly user: string;
  /** Of roles and bindings. */
  readonly name: string;
  /** Rules name the objects, where each request of a verb did. */
  readonly byName: boolean;
}

const DECISION = 'authorization.k8s.io/decision';
const ANSWERED = new Set(['ResponseComplete', 'ResponseStarted', 'Panic']);
/** Nothing of these is about an object that has a name already. */
const WITHOUT_NAME = new Set(['create', 'list', 'watch', 'deletecollection']);
const GROUP = 'rbac.authorization.k8s.io';

/** Whether it was let through, and is the user's. */
export function isOf(event: AuditedRequest, user: string): boolean {
  const { stage = '', impersonatedUser, responseStatus, annotations = {} } = event;
  const sender = impersonatedUser?.username ?? event.user?.username;
  if (sender !== user || !ANSWERED.has(stage)) return false;
  const decision = annotations[DECISION];
  return decision === undefined ? responseStatus?.code !== 403 : decision === 'allow';
}

/** Roles and bindings, those of the cluster first. Empty: nothing was done. */
export function leastRoles(events: Iterable<AuditedRequest>, options: LeastOptions): JsonObject[] {
  const done = new Map<string, Uses>();
  for (const event of events) {
    if (!isOf(event, options.user)) continue;
    const namespace = event.objectRef?.namespace ?? '';
    const uses = done.get(namespace) ?? new Uses();
    uses.add(event);
    done.set(namespace, uses);
  }
  return [...done]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([namespace, uses]) => objectsOf(namespace, uses.rules(options.byName), options));
}

function objectsOf(
  namespace: string,
  rules: readonly PolicyRule[],
  { name, user }: LeastOptions,
): JsonObject[] {
  if (rules.length === 0) return [];
  const prefix = namespace === '' ? 'Cluster' : '';
  const metadata = { name, ...(namespace === '' ? {} : { namespace }) };
  const apiVersion = `${GROUP}/v1`;
  return [
    { apiVersion, kind: `${prefix}Role`, metadata, rules: rules.map((rule) => ({ ...rule })) },
    {
      apiVersion,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup: GROUP, kind: `${prefix}Role`, name },
      subjects: [{ ...subjectFor(user) }],
    },
  ];
}

function subjectFor(user: string): Subject {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):(.+)$/.exec(user) ?? [];
  if (namespace === undefined || name === undefined)
    return { apiGroup: GROUP, kind: 'User', name: user };
  return { kind: 'ServiceAccount', name, namespace };
}

/** What was done in one namespace, or in the whole cluster. */
class Uses {
  /** By group and resource: the names by verb; undefined where one request had none. */
  readonly #resources = new Map<string, Map<string, Set<string> | undefined>>();
  /** By path. */
  readonly #paths = new Map<string, Set<string>>();

  add({ verb = '', objectRef, requestURI = '' }: AuditedRequest): void {
    if (verb === '') return;
    if (objectRef?.resource === undefined) {
      const path = requestURI.split('?', 1)[0] ?? '';
      if (path !== '')
        this.#paths.set(path, (this.#paths.get(path) ?? new Set<string>()).add(verb));
      return;
    }
    const { resource, apiGroup = '', subresource = '', name = '' } = objectRef;
    const key = JSON.stringify([
      apiGroup,
      subresource === '' ? resource : `${resource}/${subresource}`,
    ]);
    const verbs = this.#resources.get(key) ?? new Map<string, Set<string> | undefined>();
    this.#resources.set(key, verbs);
    const isOfOne = name !== '' && (!WITHOUT_NAME.has(verb) || subresource !== '');
    const names = verbs.has(verb) ? verbs.get(verb) : new Set<string>();
    verbs.set(verb, isOfOne ? names?.add(name) : undefined);
  }

  /** As few as can be: resources of one group with the same verbs and names are one rule. */
  rules(byName: boolean): PolicyRule[] {
    const joined = new Map<string, { rule: PolicyRule; resources: string[] }>();
    for (const [key, verbs] of this.#resources) {
      const [group = '', resource = ''] = JSON.parse(key) as string[];
      for (const [names, of] of verbsByNames(verbs, byName)) {
        const rule = { verbs: of, apiGroups: [group], ...(names === '' ? {} : namesIn(names)) };
        const same = JSON.stringify(rule);
        const known = joined.get(same) ?? { rule, resources: new Array<string>() };
        known.resources.push(resource);
        joined.set(same, known);
      }
    }
    const ofResources = [...joined.values()].map(({ rule, resources }) => {
      const { verbs, apiGroups = [], ...rest } = rule;
      return { apiGroups, resources: resources.toSorted(), ...rest, verbs };
    });
    const ofPaths = [...this.#paths].map(([path, verbs]) => ({
      nonResourceURLs: [path],
      verbs: [...verbs].toSorted(),
    }));
    const byText = (a: PolicyRule, b: PolicyRule): number =>
      JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
    return [...ofResources.toSorted(byText), ...ofPaths.toSorted(byText)];
  }
}

/** Verbs that are about the same names, by those as JSON; empty: about any. */
function verbsByNames(
  verbs: ReadonlyMap<string, ReadonlySet<string> | undefined>,
  byName: boolean,
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const verb of [...verbs.keys()].toSorted()) {
    const names = byName ? verbs.get(verb) : undefined;
    const key = names === undefined ? '' : JSON.stringify([...names].toSorted());
    found.set(key, [...(found.get(key) ?? []), verb]);
  }
  return found;
}

function namesIn(text: string): Pick<PolicyRule, 'resourceNames'> {
  return { resourceNames: JSON.parse(text) as string[] };
}
