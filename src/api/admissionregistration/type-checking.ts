/**
 * Checks the expressions of a ValidatingAdmissionPolicy against the types of the objects that it is
 * for. What it finds are warnings: they change nothing of what the policy does.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go,
 * v1.36.
 */
import { DYN, listType, mapType, type Type } from '#cel/check/type.ts';
import { type DeclaredType, declare } from '#cel/schema/declared-type.ts';
import type { CelSchema } from '#cel/schema/schema.ts';
import type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
} from '../gen/admissionregistration-v1.ts';
import { fieldPath } from '../meta/field.ts';
import { type GroupVersionKind, parseApiVersion } from '../meta/object.ts';
import { admissionEnvironment, type TypedVariables } from './admission-environment.ts';

/** Kinds that the rules of a policy are followed to, of each rule. */
const KINDS_PER_RULE_MAX = 10;
/** What is stored may use everything that there is. */
const STORED_MINOR = 36;

/** A resource that the server has. */
export interface ServedResource extends GroupVersionKind {
  readonly plural: string;
  readonly singular?: string;
}

/** The kinds that a policy names without stars, in order; each once. */
export function kindsToCheck(
  { spec }: ValidatingAdmissionPolicy,
  served: readonly ServedResource[],
): GroupVersionKind[] {
  const kinds = new Map<string, GroupVersionKind>();
  for (const rule of spec?.matchConstraints?.resourceRules ?? []) {
    const groups = exact(rule.apiGroups);
    const versions = exact(rule.apiVersions);
    const resources = (rule.resources ?? []).filter((name) => !/[*/]/.test(name)).toSorted();
    const found = groups
      .flatMap((group) => versions.map((version) => ({ group, version })))
      .flatMap((each) => resources.flatMap((resource) => kindsOf({ ...each, resource }, served)));
    for (const kind of found.slice(0, KINDS_PER_RULE_MAX)) kinds.set(kindText(kind), kind);
    // As upstream: what comes behind so many is not looked at.
    if (found.length >= KINDS_PER_RULE_MAX) break;
  }
  return [...kinds.values()].toSorted(
    (a, b) => compare(a.group, b.group) || compare(a.version, b.version) || compare(a.kind, b.kind),
  );
}

/** The kind of a policy's parameters; undefined: it has none. */
export function paramKindOf({ spec }: ValidatingAdmissionPolicy): GroupVersionKind | undefined {
  const { apiVersion = '', kind = '' } = spec?.paramKind ?? {};
  return kind === '' ? undefined : { ...parseApiVersion(apiVersion), kind };
}

/** `schemaFor`: undefined where nothing is known of a kind. */
export function typeWarnings(
  policy: ValidatingAdmissionPolicy,
  kinds: readonly GroupVersionKind[],
  schemaFor: (kind: GroupVersionKind) => CelSchema | undefined,
): ExpressionWarning[] {
  const paramKind = paramKindOf(policy);
  const params = paramKind && declared(paramKind, schemaFor(paramKind), 1);
  const checks = kinds.flatMap((kind) => {
    const schema = schemaFor(kind);
    if (schema === undefined) return [];
    const typed = { object: declared(kind, schema, 0), params };
    return [{ kind, check: checker(policy, typed, paramKind !== undefined) }];
  });
  const at = fieldPath('spec').child('validations');
  return (policy.spec?.validations ?? []).flatMap((validation, i) =>
    (['expression', 'messageExpression'] as const).flatMap((field) => {
      const text = validation[field] ?? '';
      if (text === '') return [];
      const problems = checks.flatMap(({ kind, check }) => {
        const problem = check(text);
        return problem === undefined ? [] : [`${kindText(kind)}: ${problem}\n`];
      });
      if (problems.length === 0) return [];
      return [{ fieldRef: at.index(i).child(field).toString(), warning: problems.join('\n') }];
    }),
  );
}

/** Answers what is wrong with an expression. */
function checker(
  { spec }: ValidatingAdmissionPolicy,
  typed: TypedVariables,
  hasParams: boolean,
): (text: string) => string | undefined {
  const composed = new Map<string, Type>();
  const compile = (text: string) =>
    admissionEnvironment(STORED_MINOR, {
      hasParams,
      hasAuthorizer: true,
      hasPatchTypes: false,
      composed,
      typed,
    }).compile(text);
  for (const { name, expression } of spec?.variables ?? []) {
    const compiled = compile(expression);
    composed.set(name, 'kind' in compiled ? DYN : composedType(compiled.type));
  }
  return (text) => {
    const compiled = compile(text);
    return 'kind' in compiled && compiled.kind === 'compilation' ? compiled.message : undefined;
  };
}

/** What other expressions know of a variable's type: of objects nothing. */
export function composedType(type: Type): Type {
  const [first = DYN, second = DYN] = type.parameters;
  if (type.kind === 'list') return listType(composedType(first));
  if (type.kind === 'map') return mapType(composedType(first), composedType(second));
  return type.parameters.length > 0 || OF_OBJECTS.has(type.kind) ? DYN : type;
}

const OF_OBJECTS: ReadonlySet<string> = new Set(['struct', 'opaque', 'type', 'param', 'error']);

function declared(
  { kind }: GroupVersionKind,
  schema: CelSchema | undefined,
  nth: number,
): DeclaredType | undefined {
  // Objects and parameters may be of one kind, and types need names of their own.
  return schema && declare(schema, `${kind}${nth}`, true);
}

/** A list with a star in it says nothing. */
function exact(names: readonly string[] = []): string[] {
  return names.some((name) => name.includes('*')) ? [] : names.toSorted();
}

/** No group means any, and a resource may be named in the singular. */
function kindsOf(
  wanted: { readonly group: string; readonly version: string; readonly resource: string },
  served: readonly ServedResource[],
): GroupVersionKind[] {
  const resource = wanted.resource.toLowerCase();
  return served
    .filter(
      ({ group, version, plural, singular }) =>
        (wanted.group === '' || wanted.group === group) &&
        wanted.version === version &&
        (plural === resource || singular === resource),
    )
    .map(({ group, version, kind }) => ({ group, version, kind }));
}

/** As upstream prints it: `apps/v1, Kind=Deployment`. */
function kindText({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
