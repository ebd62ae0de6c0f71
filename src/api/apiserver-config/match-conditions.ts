/**
 * Match conditions of webhooks that authorize: expressions on the SubjectAccessReview that would be
 * sent.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authorization/cel (compile.go, matcher.go)
 * and pkg/apis/apiserver/validation/validation.go (compileMatchConditions).
 */
import { BOOL, listType, mapType, STRING, structType, type Type } from '#cel/check/type.ts';
import { CelError } from '#cel/value/value.ts';
import { jsonValue } from '#cel/value/json.ts';
import type { SubjectAccessReviewSpec } from '../gen/authorization-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  ROOT,
  required,
  tooMany,
} from '../meta/field.ts';
import { type ExpressionEnvironment, type ExpressionProgram, expressions } from './expressions.ts';

const CONDITIONS_MAX = 64;

const kubernetes = (name: string): Type => structType(`kubernetes.${name}`);
const STRINGS = listType(STRING);
const SELECTOR = {
  rawSelector: STRING,
  requirements: listType(kubernetes('SelectorRequirement')),
};
const OBJECTS: Readonly<Record<string, Readonly<Record<string, Type>>>> = {
  'kubernetes.SubjectAccessReviewSpec': {
    resourceAttributes: kubernetes('ResourceAttributes'),
    nonResourceAttributes: kubernetes('NonResourceAttributes'),
    user: STRING,
    groups: STRINGS,
    extra: mapType(STRING, STRINGS),
    uid: STRING,
  },
  'kubernetes.ResourceAttributes': {
    namespace: STRING,
    verb: STRING,
    group: STRING,
    version: STRING,
    resource: STRING,
    subresource: STRING,
    name: STRING,
    fieldSelector: kubernetes('FieldSelectorAttributes'),
    labelSelector: kubernetes('LabelSelectorAttributes'),
  },
  'kubernetes.NonResourceAttributes': { path: STRING, verb: STRING },
  'kubernetes.FieldSelectorAttributes': SELECTOR,
  'kubernetes.LabelSelectorAttributes': SELECTOR,
  'kubernetes.SelectorRequirement': { key: STRING, operator: STRING, values: STRINGS },
};

let environment: ExpressionEnvironment | undefined;

/** What webhooks are asked, or why not. */
export class MatchConditions {
  readonly #programs: readonly ExpressionProgram[];

  constructor(programs: readonly ExpressionProgram[]) {
    this.#programs = programs;
  }

  get isEmpty(): boolean {
    return this.#programs.length === 0;
  }

  /** False as soon as one condition says so; otherwise what went wrong, or true. */
  matches(spec: SubjectAccessReviewSpec): boolean | Error {
    const request = jsonValue(requestOf(spec));
    const errors: string[] = [];
    for (const { text, program } of this.#programs) {
      const { value } = program.evaluate({ request });
      if (value === false) return false;
      if (value instanceof CelError)
        errors.push(
          `cel evaluation error: expression '${text}' resulted in error: ${value.message}`,
        );
    }
    if (errors.length === 0) return true;
    const unique = [...new Set(errors)];
    return new Error(unique.length === 1 ? unique.join() : `[${unique.join(', ')}]`);
  }
}

/** `at`: of the list. Those that are wrong are left out. */
export function compileMatchConditions(
  conditions: readonly { readonly expression: string }[],
  at: FieldPath = ROOT,
): { readonly conditions: MatchConditions; readonly errors: readonly FieldError[] } {
  if (conditions.length > CONDITIONS_MAX)
    return {
      conditions: new MatchConditions([]),
      errors: [tooMany(at, conditions.length, CONDITIONS_MAX)],
    };
  environment ??= expressions({ request: kubernetes('SubjectAccessReviewSpec') }, OBJECTS, {
    tellsType: true,
  });
  const errors: FieldError[] = [];
  const programs: ExpressionProgram[] = [];
  const seen = new Set<string>();
  for (const [i, { expression }] of conditions.entries()) {
    const where = at.index(i).child('expression');
    if (expression.trim() === '') errors.push(required(where));
    else if (seen.has(expression)) errors.push(duplicate(where, expression));
    else {
      seen.add(expression);
      const compiled = environment.compile(expression, where, [BOOL]);
      if ('program' in compiled) programs.push(compiled);
      else errors.push(compiled);
    }
  }
  return { conditions: new MatchConditions(programs), errors };
}

/** Each text field is there, though it is empty, so that expressions need not ask for it. */
function requestOf({
  user = '',
  groups = [],
  uid = '',
  extra = {},
  resourceAttributes: resource,
  nonResourceAttributes: path,
}: SubjectAccessReviewSpec): object {
  const { fieldSelector, labelSelector } = resource ?? {};
  return {
    user,
    groups,
    uid,
    extra,
    ...(resource === undefined
      ? {}
      : {
          resourceAttributes: {
            namespace: resource.namespace ?? '',
            verb: resource.verb ?? '',
            group: resource.group ?? '',
            version: resource.version ?? '',
            resource: resource.resource ?? '',
            subresource: resource.subresource ?? '',
            name: resource.name ?? '',
            ...(fieldSelector === undefined ? {} : { fieldSelector }),
            ...(labelSelector === undefined ? {} : { labelSelector }),
          },
        }),
    ...(path === undefined
      ? {}
      : { nonResourceAttributes: { path: path.path ?? '', verb: path.verb ?? '' } }),
  };
}
