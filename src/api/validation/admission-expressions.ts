/**
 * The expressions of one policy or webhook configuration, compiled to see whether they are right.
 *
 * Source: upstream v1.36 pkg/apis/admissionregistration/validation/validation.go
 * (validateCELCondition and its callers) and apiserver/pkg/admission/plugin/cel/compile.go.
 */
import {
  BOOL,
  DYN,
  typeText,
  isSameType,
  listType,
  NULL_TYPE,
  STRING,
  type Type,
} from '#cel/check/type.ts';
import { JSON_PATCH_TYPE, OBJECT_TYPE } from '#cel/library/mutation.ts';
import { NEW_EXPRESSIONS_MINOR } from '#cel/kubernetes.ts';
import {
  type AdmissionVariables,
  admissionEnvironment,
} from '../admissionregistration/admission-environment.ts';
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';

/** What is stored already may use everything that there is. */
const STORED_MINOR = 36;

export type ExpressionUse =
  | 'matchCondition'
  | 'variable'
  | 'validation'
  | 'messageExpression'
  | 'auditAnnotation'
  | 'applyConfiguration'
  | 'jsonPatch';

/** What an expression may give; undefined: anything. */
const RESULTS: Readonly<Record<ExpressionUse, readonly Type[] | undefined>> = {
  matchCondition: [BOOL],
  variable: undefined,
  validation: [BOOL],
  messageExpression: [STRING],
  auditAnnotation: [STRING, NULL_TYPE],
  applyConfiguration: [OBJECT_TYPE],
  jsonPatch: [listType(JSON_PATCH_TYPE)],
};

/** The expressions of the stored object, each by its use. */
export type KnownTexts = Readonly<Partial<Record<ExpressionUse, ReadonlySet<string>>>>;

export class AdmissionExpressions {
  readonly #hasParams: boolean;
  readonly #known: KnownTexts;
  readonly #composed: Map<string, Type> | undefined;

  /** `composes`: the policy may have variables of its own. */
  constructor({
    hasParams = false,
    composes = false,
    known = {},
  }: {
    readonly hasParams?: boolean;
    readonly composes?: boolean;
    readonly known?: KnownTexts;
  }) {
    this.#hasParams = hasParams;
    this.#known = known;
    this.#composed = composes ? new Map() : undefined;
  }

  /** `shown`: how the message shows the expression. Expressions after it may use the variable. */
  variable(name: string, text: string, at: FieldPath): FieldError[] {
    const { errors, type } = this.#compile(text, text, { use: 'variable', at });
    this.#composed?.set(name, type);
    return errors;
  }

  /** `text`: what is compiled; `stored`: what the object holds, when that is another text. */
  check(text: string, use: ExpressionUse, at: FieldPath, stored = text): FieldError[] {
    return this.#compile(text, stored, { use, at }).errors;
  }

  #compile(
    text: string,
    stored: string,
    { use, at }: { readonly use: ExpressionUse; readonly at: FieldPath },
  ): { readonly errors: FieldError[]; readonly type: Type } {
    const isKnown = this.#known[use]?.has(stored) === true;
    const minor = isKnown ? STORED_MINOR : NEW_EXPRESSIONS_MINOR;
    const compiled = admissionEnvironment(minor, this.#variablesOf(use)).compile(text);
    const shown = use === 'auditAnnotation' ? stored : text;
    const wrong = (detail: string) => ({ errors: [invalidValue(at, shown, detail)], type: DYN });
    if ('kind' in compiled) {
      const what = compiled.kind === 'instantiation' ? 'program instantiation' : 'compilation';
      return wrong(`${what} failed: ${compiled.message}`);
    }
    const { type } = compiled;
    const allowed = RESULTS[use];
    if (allowed === undefined || allowed.some((each) => isSameType(each, type)))
      return { errors: [], type };
    const [only, ...others] = allowed.map(typeText);
    const wanted = others.length === 0 ? only : `one of [${[only, ...others].join(' ')}]`;
    return wrong(`must evaluate to ${wanted} but got ${typeText(type)}`);
  }

  #variablesOf(use: ExpressionUse): AdmissionVariables {
    return {
      hasParams: this.#hasParams,
      hasAuthorizer: use !== 'messageExpression',
      hasPatchTypes: use === 'applyConfiguration' || use === 'jsonPatch',
      ...(use === 'matchCondition' || this.#composed === undefined
        ? {}
        : { composed: this.#composed }),
    };
  }
}
