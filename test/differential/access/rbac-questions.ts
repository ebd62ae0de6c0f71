/** Questions about the worlds of roles: reviews of access, of rules, and requests as somebody else. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import { Dice } from '../../fuzz/dice.ts';
import type { Case, CaseRequest } from '../model.ts';
import { NAMES, PATHS, type RbacWorld, RESOURCES, VERBS } from './rbac-world.ts';
import { as, type Asker, create, dry, said } from './requests.ts';

const REVIEWS = '/apis/authorization.k8s.io/v1';

/** How many of each sort are asked, in all worlds together. */
const COUNTS = {
  access: 2_700,
  paths: 400,
  local: 300,
  own: 300,
  selectors: 200,
  rules: 250,
  requests: 700,
} as const;

export function rbacQuestions(worlds: readonly RbacWorld[], seed: number): Case[] {
  const many = (
    what: keyof typeof COUNTS,
    ask: (dice: Dice, world: RbacWorld) => CaseRequest,
  ): Case[] =>
    Array.from({ length: COUNTS[what] }, (_, index) => {
      const dice = new Dice(seed * 100_000 + index);
      const world = worlds[index % worlds.length];
      if (world === undefined) throw new RangeError('There is no world to ask about');
      const request = ask(dice, world);
      return { id: `rbac ${what} ${index}`, kind: `rbac/${what}`, requests: [request] };
    });
  return [
    ...many('access', accessReview),
    ...many('paths', pathReview),
    ...many('local', localReview),
    ...many('own', ownReview),
    ...many('selectors', selectorReview),
    ...many('rules', rulesReview),
    ...many('requests', realRequest),
  ];
}

function review(kind: string, spec: JsonObject): Json {
  return { apiVersion: 'authorization.k8s.io/v1', kind, spec };
}

interface Question {
  readonly asker: Asker;
  readonly attributes: JsonObject;
}

const isOfResources = (rule: JsonObject): boolean => rule['resources'] !== undefined;

/** Somebody, and a rule: half the time one that he holds, in the namespace where he holds it. */
function subjectMatter(
  dice: Dice,
  world: RbacWorld,
): { asker: Asker; rule: JsonObject; namespace: string } {
  const grants = world.grants.filter(({ rules }) => rules.some(isOfResources));
  const namespace = dice.chance(0.15) ? '' : dice.pick([...world.namespaces, 'default']);
  const random = {
    asker: dice.pick(world.askers),
    rule: dice.pick(world.rules.filter(isOfResources)),
    namespace,
  };
  if (grants.length === 0 || dice.chance(0.4)) return random;
  const grant = dice.pick(grants);
  return {
    asker: grant.asker,
    rule: dice.pick(grant.rules.filter(isOfResources)),
    namespace: dice.chance(0.15) || grant.namespace === '' ? namespace : grant.namespace,
  };
}

/** What a rule allows, in which one thing or another is changed. */
function question(dice: Dice, world: RbacWorld): Question {
  const { asker, rule, namespace } = subjectMatter(dice, world);
  const of = (member: string): string[] => (rule[member] ?? []) as string[];
  const changed = 0.08;
  const concrete = (values: string[], others: readonly string[]): string => {
    const value =
      dice.chance(changed) || values.length === 0 ? dice.pick(others) : dice.pick(values);
    return value === '*' ? dice.pick([...others, '*']) : value;
  };
  const [group, resource] = dice.pick(RESOURCES);
  const [plural = '', subresource] = concrete(of('resources'), [resource]).split('/');
  const names = of('resourceNames');
  const name =
    dice.chance(0.1) || (names.length === 0 && dice.chance(0.4)) ? '' : concrete(names, NAMES);
  const attributes = said({
    verb: concrete(of('verbs'), VERBS),
    group: concrete(of('apiGroups'), [group]),
    resource: plural === '*' ? resource.split('/')[0] : plural,
    subresource,
    name: name === '' ? undefined : name,
    namespace: namespace === '' ? undefined : namespace,
    version: dice.chance(0.2) ? dice.pick(['v1', '*', 'v9']) : undefined,
  });
  return { asker, attributes };
}

/** Somebody, and a path and a verb that a rule of his may be about. */
function pathQuestion(dice: Dice, world: RbacWorld): { asker: Asker; path: string; verb: string } {
  const ofPaths = ({ rules }: { rules: readonly JsonObject[] }): JsonObject | undefined =>
    rules.find((rule) => rule['nonResourceURLs'] !== undefined);
  const grants = world.grants.filter(ofPaths);
  const random = {
    asker: dice.pick(world.askers),
    path: dice.pick(PATHS),
    verb: dice.pick(['get', 'get', 'post', 'head', 'list', '*']),
  };
  if (grants.length === 0 || dice.chance(0.4)) return random;
  const grant = dice.pick(grants);
  const rule = ofPaths(grant) ?? {};
  const paths = rule['nonResourceURLs'] as string[];
  const verbs = rule['verbs'] as string[];
  return {
    asker: grant.asker,
    path: dice.pick(paths).replace('*', dice.pick(['', 'x', '/x'])),
    verb: dice.chance(0.8) ? dice.pick(verbs).replace('*', 'get') : random.verb,
  };
}

function subjectOf({ user, groups = [] }: Asker): JsonObject {
  return said({ user, groups: groups.length === 0 ? undefined : [...groups] });
}

function accessReview(dice: Dice, world: RbacWorld): CaseRequest {
  const { asker, attributes } = question(dice, world);
  return create(
    `${REVIEWS}/subjectaccessreviews`,
    review('SubjectAccessReview', { ...subjectOf(asker), resourceAttributes: attributes }),
  );
}

function pathReview(dice: Dice, world: RbacWorld): CaseRequest {
  const { asker, path, verb } = pathQuestion(dice, world);
  const nobody = { user: 'system:anonymous', groups: ['system:unauthenticated'] };
  return create(
    `${REVIEWS}/subjectaccessreviews`,
    review('SubjectAccessReview', {
      ...subjectOf(dice.chance(0.05) ? nobody : asker),
      nonResourceAttributes: {
        path: dice.chance(0.05) ? dice.pick(['*', '/healthz/*', '', 'healthz']) : path,
        verb,
      },
    }),
  );
}

/** One in ten is about another namespace than that of its URL. */
function localReview(dice: Dice, world: RbacWorld): CaseRequest {
  const { asker, attributes } = question(dice, world);
  const given = attributes['namespace'];
  const namespace = typeof given === 'string' ? given : dice.pick(world.namespaces);
  const asked = dice.chance(0.1) ? dice.pick(['', 'default']) : namespace;
  return create(
    `${REVIEWS}/namespaces/${namespace}/localsubjectaccessreviews`,
    review('LocalSubjectAccessReview', {
      ...subjectOf(asker),
      resourceAttributes: { ...attributes, namespace: asked },
    }),
  );
}

function ownReview(dice: Dice, world: RbacWorld): CaseRequest {
  const url = `${REVIEWS}/selfsubjectaccessreviews`;
  const ask = (spec: JsonObject): CaseRequest =>
    create(url, review('SelfSubjectAccessReview', spec));
  if (dice.chance(0.2)) {
    const { asker, path, verb } = pathQuestion(dice, world);
    return as(asker, ask({ nonResourceAttributes: { path, verb } }));
  }
  const { asker, attributes } = question(dice, world);
  return as(asker, ask({ resourceAttributes: attributes }));
}

const FIELD_SELECTORS: readonly JsonObject[] = [
  { rawSelector: 'spec.nodeName=n1' },
  { rawSelector: 'metadata.name=a,spec.nodeName!=b' },
  { rawSelector: 'a=b=c' },
  { rawSelector: '=' },
  { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] },
  { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1', 'n2'] }] },
  { requirements: [{ key: 'spec.nodeName', operator: 'Exists' }] },
  { requirements: [{ key: '', operator: 'In', values: ['n1'] }] },
  { requirements: [{ key: 'a', operator: 'Near', values: ['n1'] }] },
  { requirements: [], rawSelector: 'a=b' },
  { requirements: [] },
  {},
];

const LABEL_SELECTORS: readonly JsonObject[] = [
  { rawSelector: 'app=web' },
  { rawSelector: 'app in (web,db),!tier' },
  { rawSelector: 'app in (' },
  { requirements: [{ key: 'app', operator: 'In', values: ['web'] }] },
  { requirements: [{ key: 'app', operator: 'NotIn', values: ['web', 'db'] }] },
  { requirements: [{ key: 'app', operator: 'Exists', values: ['x'] }] },
  { requirements: [{ key: 'app', operator: 'In' }] },
  { requirements: [{ key: 'Bad Key!', operator: 'Exists' }] },
  { requirements: [{ key: 'app', operator: 'Gt', values: ['1'] }] },
  { rawSelector: 'a=b', requirements: [{ key: 'app', operator: 'Exists' }] },
];

/** Selectors never matter to RBAC; they do to nodes, and they are checked. */
function selectorReview(dice: Dice, world: RbacWorld): CaseRequest {
  const { asker: holder, attributes } = question(dice, world);
  const asker = dice.chance(0.4) ? { user: 'system:node:n1', groups: ['system:nodes'] } : holder;
  const about = dice.chance(0.6)
    ? { verb: dice.pick(['list', 'watch', 'get']), resource: 'pods' }
    : attributes;
  return create(
    `${REVIEWS}/subjectaccessreviews`,
    review('SubjectAccessReview', {
      ...subjectOf(asker),
      resourceAttributes: {
        ...about,
        ...(dice.chance(0.7) ? { fieldSelector: dice.pick(FIELD_SELECTORS) } : {}),
        ...(dice.chance(0.5) ? { labelSelector: dice.pick(LABEL_SELECTORS) } : {}),
      },
    }),
  );
}

function rulesReview(dice: Dice, world: RbacWorld): CaseRequest {
  const namespace = dice.chance(0.05) ? '' : dice.pick([...world.namespaces, 'default']);
  return as(
    dice.chance(0.3) ? subjectMatter(dice, world).asker : dice.pick(world.askers),
    create(`${REVIEWS}/selfsubjectrulesreviews`, review('SelfSubjectRulesReview', { namespace })),
  );
}

const MERGE = { 'content-type': 'application/merge-patch+json' };
const OF_CLUSTER = ['nodes', 'namespaces', 'clusterroles'];

/** A request that the world's rules may allow; what it would write is nothing, or a dry run. */
function realRequest(dice: Dice, world: RbacWorld): CaseRequest {
  if (dice.chance(0.1)) {
    const { asker, path } = pathQuestion(dice, world);
    const method = dice.pick(['GET', 'GET', 'HEAD', 'POST']);
    return as(asker, { method, url: path.startsWith('/') ? path : '/' });
  }
  const { asker, rule, namespace } = subjectMatter(dice, world);
  const [groups, resources] = [rule['apiGroups'] as string[], rule['resources'] as string[]];
  const found = RESOURCES.find(
    ([of, resource]) =>
      (groups.includes(of) || groups.includes('*')) &&
      (resources.includes(resource) || resources.includes('*')),
  );
  const [group, resource] = dice.chance(0.85) && found !== undefined ? found : dice.pick(RESOURCES);
  const isEverywhere = OF_CLUSTER.includes(resource) || namespace === '';
  const [plural = '', subresource] = resource.split('/');
  const root = group === '' ? '/api/v1' : `/apis/${group}/v1`;
  const collection = `${root}${isEverywhere ? '' : `/namespaces/${namespace}`}/${plural}`;
  const name = (rule['resourceNames'] as string[] | undefined)?.[0] ?? dice.pick(NAMES);
  const object = `${collection}/${name}${subresource === undefined ? '' : `/${subresource}`}`;
  const held = dice.chance(0.85) ? dice.pick(rule['verbs'] as string[]) : '*';
  const verb = held === '*' ? dice.pick(VERBS) : held;
  return as(asker, requestOf(verb, { collection, object }));
}

/** What a client sends that wants to do `verb`. */
function requestOf(
  verb: string,
  { collection, object }: { readonly collection: string; readonly object: string },
): CaseRequest {
  const ways: Readonly<Record<string, CaseRequest>> = {
    get: { method: 'GET', url: object },
    list: { method: 'GET', url: `${collection}?labelSelector=a%3Db` },
    watch: { method: 'GET', url: `${collection}?fieldSelector=metadata.name%3Da` },
    create: dry({ method: 'POST', url: collection, body: { metadata: { name: 'a' } } }),
    update: dry({ method: 'PUT', url: object, body: { metadata: { name: 'a' } } }),
    patch: dry({ method: 'PATCH', url: object, headers: MERGE, body: {} }),
    delete: dry({ method: 'DELETE', url: object }),
    deletecollection: dry({ method: 'DELETE', url: `${collection}?labelSelector=nobody%3Dhas` }),
  };
  return ways[verb] ?? { method: 'GET', url: `${collection}?limit=1` };
}
