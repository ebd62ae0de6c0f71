/** FlowSchema. Upstream: pkg/apis/flowcontrol/validation/validation.go. */
import type {
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  Subject,
} from '#api/gen/flowcontrol-v1.ts';
import {
  duplicate,
  type FieldError,
  fieldPath,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isDns1123Label } from '../meta/names.ts';
import { label, present, subdomain } from './common.ts';

const PRECEDENCE_MAX = 10_000;
const METHODS = ['ByNamespace', 'ByUser'];
const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
];
const NAMESPACE_INTRO = "each member of this list must be '*' or a DNS-1123 label; ";

export function validateFlowSchema(schema: FlowSchema): FieldError[] {
  return [
    ...validateSpec(schema.metadata?.name ?? '', schema.spec ?? {}, fieldPath('spec')),
    ...validateConditionTypes(schema.status?.conditions, fieldPath('status').child('conditions')),
  ];
}

/** The conditions of flow schemas and priority levels: one of each type. */
export function validateConditionTypes(
  conditions: readonly { readonly type?: string }[] | undefined,
  at: FieldPath,
): FieldError[] {
  const seen = new Set<string>();
  return (conditions ?? []).flatMap(({ type = '' }, i) => {
    const here = at.index(i).child('type');
    const errors = seen.has(type) ? [duplicate(here, type)] : [];
    seen.add(type);
    return [...errors, ...present(type, here)];
  });
}

function validateSpec(name: string, spec: Partial<FlowSchemaSpec>, at: FieldPath): FieldError[] {
  const { distinguisherMethod, rules } = spec;
  const errors = validatePrecedence(name, spec.matchingPrecedence ?? 0, at);
  if (distinguisherMethod !== undefined && !METHODS.includes(distinguisherMethod.type ?? '')) {
    const value = { Type: distinguisherMethod.type ?? '' };
    errors.push(notSupported(at.child('distinguisherMethod').child('type'), value, METHODS));
  }
  const level = spec.priorityLevelConfiguration?.name ?? '';
  const levelAt = at.child('priorityLevelConfiguration').child('name');
  errors.push(
    ...(level === ''
      ? [required(levelAt, 'must reference a priority level')]
      : subdomain(level, levelAt)),
  );
  return [
    ...errors,
    ...(rules ?? []).flatMap((rule, i) => validateRule(rule, at.child('rules').index(i))),
  ];
}

function validatePrecedence(name: string, value: number, spec: FieldPath): FieldError[] {
  const at = spec.child('matchingPrecedence');
  const errors: FieldError[] = [];
  if (value <= 0) errors.push(invalidValue(at, value, 'must be a positive value'));
  if (value > PRECEDENCE_MAX)
    errors.push(invalidValue(at, value, `must not be greater than ${PRECEDENCE_MAX}`));
  if (value === 1 && name !== 'exempt') {
    const detail = "only the schema named 'exempt' may have matchingPrecedence 1";
    errors.push(invalidValue(at, value, detail));
  }
  return errors;
}

function validateRule(rule: Partial<PolicyRulesWithSubjects>, at: FieldPath): FieldError[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  return [
    ...present(subjects, at.child('subjects'), 'subjects must contain at least one value'),
    ...subjects.flatMap((subject, i) => validateSubject(subject, at.child('subjects').index(i))),
    ...(resourceRules.length + nonResourceRules.length === 0
      ? [required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty')]
      : []),
    ...resourceRules.flatMap((each, i) =>
      validateResources(each, at.child('resourceRules').index(i)),
    ),
    ...nonResourceRules.flatMap((each, i) =>
      validateNonResources(each, at.child('nonResourceRules').index(i)),
    ),
  ];
}

const SUBJECTS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

function validateSubject(subject: Partial<Subject>, at: FieldPath): FieldError[] {
  const { kind = '' } = subject;
  if (!Object.hasOwn(SUBJECTS, kind))
    return [notSupported(at.child('kind'), kind, Object.keys(SUBJECTS))];
  const errors: FieldError[] = [];
  const own = SUBJECTS[kind as keyof typeof SUBJECTS];
  if (subject[own] === undefined)
    errors.push(required(at.child(own), `${own} is required when subject kind is '${kind}'`));
  else errors.push(...validateNamed(subject, own, at.child(own)));
  for (const other of ['serviceAccount', 'user', 'group'] as const) {
    if (other === own || subject[other] === undefined) continue;
    const [otherKind = ''] = Object.entries(SUBJECTS).find(([, name]) => name === other) ?? [];
    const detail = `${other} is forbidden when subject kind is not '${otherKind}'`;
    errors.push(forbiddenField(at.child(other), detail));
  }
  return errors;
}

function validateNamed(
  subject: Partial<Subject>,
  own: (typeof SUBJECTS)[keyof typeof SUBJECTS],
  at: FieldPath,
): FieldError[] {
  const { name = '' } = subject[own] ?? {};
  if (own !== 'serviceAccount') return present(name, at.child('name'));
  const { namespace = '' } = subject.serviceAccount ?? {};
  return [
    ...(name === '' || name === '*'
      ? present(name, at.child('name'))
      : subdomain(name, at.child('name'))),
    ...(namespace === ''
      ? [required(at.child('namespace'), 'must specify namespace for service account')]
      : label(namespace, at.child('namespace'))),
  ];
}

/** A wildcard stands alone in its list. */
function wildcardAlone(values: readonly string[], what: string, at: FieldPath): FieldError[] {
  if (values.length < 2 || !values.includes('*')) return [];
  return [invalidValue(at, values, `if '*' is present, must not specify other ${what}`)];
}

function validateVerbs(verbs: readonly string[], at: FieldPath): FieldError[] {
  if (verbs.length === 0) return [required(at, 'verbs must contain at least one value')];
  if (verbs.includes('*')) return wildcardAlone(verbs, 'verbs', at);
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(at, verbs, VERBS)];
}

type ResourceRule = NonNullable<PolicyRulesWithSubjects['resourceRules']>[number];
type NonResourceRule = NonNullable<PolicyRulesWithSubjects['nonResourceRules']>[number];

function validateNonResources(rule: Partial<NonResourceRule>, at: FieldPath): FieldError[] {
  const urls = rule.nonResourceURLs ?? [];
  const here = at.child('nonResourceURLs');
  return [
    ...validateVerbs(rule.verbs ?? [], at.child('verbs')),
    ...present(urls, here, 'nonResourceURLs must contain at least one value'),
    ...(urls.includes('*')
      ? wildcardAlone(urls, 'non-resource URLs', here)
      : urls.flatMap((url, i) => {
          const problem = urlProblem(url);
          return problem === undefined ? [] : [invalidValue(here.index(i), url, problem)];
        })),
  ];
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const wildcards = url.split('*').length - 1;
  const isGlob = wildcards === 0 || (wildcards === 1 && url.endsWith('/*'));
  return isGlob ? undefined : 'wildcard can only do suffix matching';
}

function validateResources(rule: Partial<ResourceRule>, at: FieldPath): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  const groupsAt = at.child('apiGroups');
  const resourcesAt = at.child('resources');
  const namespacesAt = at.child('namespaces');
  const errors = [
    ...validateVerbs(verbs, at.child('verbs')),
    ...present(apiGroups, groupsAt, 'resource rules must supply at least one api group'),
    ...wildcardAlone(apiGroups, 'api groups', groupsAt),
    ...present(resources, resourcesAt, 'resource rules must supply at least one resource'),
    ...wildcardAlone(resources, 'resources', resourcesAt),
  ];
  if (namespaces.length === 0 && clusterScope !== true) {
    const detail = 'resource rules that are not cluster scoped must supply at least one namespace';
    return [...errors, required(namespacesAt, detail)];
  }
  if (namespaces.includes('*'))
    return [...errors, ...wildcardAlone(namespaces, 'namespaces', namespacesAt)];
  const wrong = namespaces.flatMap((name, i) =>
    isDns1123Label(name).map((problem) =>
      invalidValue(namespacesAt.index(i), name, NAMESPACE_INTRO + problem),
    ),
  );
  return [...errors, ...wrong];
}
