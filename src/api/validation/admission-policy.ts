/**
 * Admission policies and their bindings.
 *
 * Source: upstream pkg/apis/admissionregistration/validation/validation.go.
 */
import type {
  AuditAnnotation,
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from '#api/gen/admissionregistration-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { JsonPathError, parseJsonPath } from '../meta/json-path-parser.ts';
import {
  validateMatchResources,
  validateMutatingOperations,
  validateParamKind,
  validateParamRef,
  validatePolicyName,
} from './admission-match.ts';
import { AdmissionExpressions, type KnownTexts } from './admission-expressions.ts';
import { oneOf, optionalOneOf, qualifiedName } from './common.ts';
import { validateConditions } from './metadata.ts';
import { validateMatchConditions } from './webhook.ts';

const SPEC = fieldPath('spec');
const ANNOTATIONS_MAX = 20;
const VALUE_EXPRESSION_MAX = 5 * 1024;
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
/** Words that the expression language keeps for itself. */
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

type Head = Pick<
  NonNullable<MutatingAdmissionPolicy['spec']>,
  'failurePolicy' | 'paramKind' | 'matchConstraints' | 'matchConditions' | 'variables'
>;

interface HeadContext {
  readonly mutates: boolean;
  readonly expressions: AdmissionExpressions;
  /** The stored head, on an update. */
  readonly old: Partial<Head> | undefined;
}

/** What both kinds of policy begin with. */
function validateHead(
  spec: Partial<Head>,
  { mutates, expressions, old }: HeadContext,
): FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, matchConditions = [], variables } = spec;
  const policyAt = SPEC.child('failurePolicy');
  const matchAt = SPEC.child('matchConstraints');
  const errors =
    failurePolicy === undefined
      ? [required(policyAt)]
      : optionalOneOf(failurePolicy, ['Fail', 'Ignore'], policyAt);
  if (paramKind !== undefined)
    errors.push(...validateParamKind(paramKind, SPEC.child('paramKind')));
  if (matchConstraints === undefined) errors.push(required(matchAt));
  else {
    errors.push(...validateMatchResources(matchConstraints, matchAt));
    if ((matchConstraints.resourceRules ?? []).length === 0)
      errors.push(required(matchAt.child('resourceRules')));
    if (mutates) errors.push(...validateMutatingOperations(matchConstraints, matchAt));
  }
  const isAsStored =
    old !== undefined &&
    equalValues(paramKind, old.paramKind) &&
    equalValues(matchConditions, old.matchConditions);
  if (!isAsStored) {
    const conditionsAt = SPEC.child('matchConditions');
    errors.push(...validateMatchConditions(matchConditions, conditionsAt, expressions));
  }
  return [
    ...errors,
    ...(variables ?? []).flatMap((variable, i) =>
      validateVariable(variable, SPEC.child('variables').index(i), expressions),
    ),
  ];
}

function validateVariable(
  variable: Partial<Variable>,
  at: FieldPath,
  expressions: AdmissionExpressions,
): FieldError[] {
  const { name = '', expression = '' } = variable;
  const errors: FieldError[] = [];
  const here = at.child('name');
  if (name.trim() === '') errors.push(required(here, 'name is not specified'));
  else if (!IDENTIFIER.test(name) || RESERVED.has(name))
    errors.push(invalidValue(here, name, 'must be a valid CEL identifier'));
  const where = at.child('expression');
  if (expression.trim() === '') errors.push(required(where, 'expression is not specified'));
  else errors.push(...expressions.variable(name, expression, where));
  return errors;
}

/** What the stored policy says already. */
function knownTexts({
  matchConditions = [],
  validations = [],
  auditAnnotations = [],
  mutations = [],
}: {
  readonly matchConditions?: readonly MatchCondition[];
  readonly validations?: readonly Validation[];
  readonly auditAnnotations?: readonly AuditAnnotation[];
  readonly mutations?: readonly Mutation[];
}): KnownTexts {
  const validation = new Set(validations.map(({ expression }) => expression));
  return {
    matchCondition: new Set(matchConditions.map(({ expression }) => expression)),
    validation,
    // Upstream looks for variables among the validations, and for patches among the others.
    variable: validation,
    messageExpression: new Set(validations.map((each) => each.messageExpression ?? '')),
    auditAnnotation: new Set(auditAnnotations.map(({ valueExpression }) => valueExpression)),
    ...both(new Set(mutations.map((each) => each.applyConfiguration?.expression ?? ''))),
  };
}

const both = (texts: ReadonlySet<string>): KnownTexts => ({
  applyConfiguration: texts,
  jsonPatch: texts,
});

/** `old`: what is stored, on an update. */
export function validateValidatingAdmissionPolicy(
  policy: ValidatingAdmissionPolicy,
  old?: ValidatingAdmissionPolicy,
): FieldError[] {
  const { validations = [], auditAnnotations = [], paramKind, variables = [] } = policy.spec ?? {};
  const expressions = new AdmissionExpressions({
    hasParams: paramKind !== undefined,
    composes: variables.length > 0,
    known: knownTexts(old?.spec ?? {}),
  });
  const errors = validateHead(policy.spec ?? {}, { mutates: false, expressions, old: old?.spec });
  const validationsAt = SPEC.child('validations');
  const annotationsAt = SPEC.child('auditAnnotations');
  if (validations.length + auditAnnotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    return [...errors, required(validationsAt, detail), required(annotationsAt, detail)];
  }
  errors.push(
    ...validations.flatMap((each, i) =>
      validateValidation(each, validationsAt.index(i), expressions),
    ),
  );
  if (auditAnnotations.length > ANNOTATIONS_MAX) {
    const detail = `must not have more than ${ANNOTATIONS_MAX} auditAnnotations`;
    errors.push(invalidValue(annotationsAt, auditAnnotations, detail));
  }
  const keys = auditAnnotations.map(({ key }) => key);
  const name = policy.metadata?.name ?? '';
  for (const [i, annotation] of auditAnnotations.entries()) {
    const here = annotationsAt.index(i);
    errors.push(...validateAnnotation(annotation, here, { policy: name, expressions }));
    if (keys.indexOf(annotation.key) < i) errors.push(duplicate(here.child('key'), annotation.key));
  }
  return errors;
}

function validateValidation(
  validation: Partial<Validation>,
  at: FieldPath,
  expressions: AdmissionExpressions,
): FieldError[] {
  const { expression = '', message = '', messageExpression = '', reason } = validation;
  const errors: FieldError[] = [];
  const empty = 'must be non-empty if specified';
  const where = at.child('expression');
  const messageAt = at.child('messageExpression');
  if (expression.trim() === '') errors.push(required(where, 'expression is not specified'));
  else errors.push(...expressions.check(expression, 'validation', where));
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalidValue(messageAt, messageExpression, empty));
  else if (messageExpression !== '')
    errors.push(...expressions.check(messageExpression, 'messageExpression', messageAt));
  if (message !== '' && message.trim() === '')
    errors.push(invalidValue(at.child('message'), message, empty));
  else if (/[\n\r]/.test(message.trim()))
    errors.push(invalidValue(at.child('message'), message, 'must not contain line breaks'));
  return [...errors, ...optionalOneOf(reason, REASONS, at.child('reason'))];
}

function validateAnnotation(
  annotation: Partial<AuditAnnotation>,
  at: FieldPath,
  { policy, expressions }: { readonly policy: string; readonly expressions: AdmissionExpressions },
): FieldError[] {
  const { key = '', valueExpression = '' } = annotation;
  const here = at.child('valueExpression');
  const expression = valueExpression.trim();
  const errors =
    policy === ''
      ? [invalidValue(at.child('key'), key, 'requires metadata.name be non-empty')]
      : qualifiedName(`${policy}/${key}`, at.child('key'));
  if (expression === '') errors.push(required(here, 'valueExpression is not specified'));
  else if (expression.length > VALUE_EXPRESSION_MAX)
    errors.push(required(here, `must not exceed ${VALUE_EXPRESSION_MAX} bytes in length`));
  else errors.push(...expressions.check(expression, 'auditAnnotation', here, valueExpression));
  return errors;
}

export function validateValidatingAdmissionPolicyStatus({
  status,
}: ValidatingAdmissionPolicy): FieldError[] {
  const at = fieldPath('status');
  const warnings = status?.typeChecking?.expressionWarnings ?? [];
  return [
    ...warnings.flatMap(({ warning, fieldRef }, i) => {
      const here = at.child('typeChecking', 'expressionWarnings').index(i);
      return [
        ...(warning ? [] : [required(here.child('warning'))]),
        ...validateFieldRef((fieldRef ?? '').trim(), here.child('fieldRef')),
      ];
    }),
    ...validateConditions(status?.conditions, at.child('conditions')),
  ];
}

function validateFieldRef(path: string, at: FieldPath): FieldError[] {
  if (path === '') return [required(at)];
  try {
    parseJsonPath(`{${path}}`);
    return [];
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return [invalidValue(at, path, `invalid JSONPath: ${error.message}`)];
  }
}

/** `old`: what is stored, on an update. */
export function validateMutatingAdmissionPolicy(
  { spec }: MutatingAdmissionPolicy,
  old?: MutatingAdmissionPolicy,
): FieldError[] {
  const { mutations = [], reinvocationPolicy, paramKind } = spec ?? {};
  const at = SPEC.child('mutations');
  const expressions = new AdmissionExpressions({
    hasParams: paramKind !== undefined,
    composes: true,
    known: knownTexts(old?.spec ?? {}),
  });
  return [
    ...validateHead(spec ?? {}, { mutates: true, expressions, old: old?.spec }),
    ...(mutations.length === 0 ? [required(at, 'mutations must contain at least one item')] : []),
    ...mutations.flatMap((mutation, i) => validateMutation(mutation, at.index(i), expressions)),
    ...oneOf(reinvocationPolicy, ['IfNeeded', 'Never'], SPEC.child('reinvocationPolicy')),
  ];
}

const PATCHES = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

function validateMutation(
  mutation: Partial<Mutation>,
  at: FieldPath,
  expressions: AdmissionExpressions,
): FieldError[] {
  const { patchType = '' } = mutation;
  const typeAt = at.child('patchType');
  if (patchType === '') return [required(typeAt)];
  if (!Object.hasOwn(PATCHES, patchType))
    return [notSupported(typeAt, patchType, Object.keys(PATCHES))];
  const own = PATCHES[patchType as keyof typeof PATCHES];
  const other = own === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch';
  const errors: FieldError[] = [];
  if (mutation[own] === undefined)
    errors.push(required(at.child(own), `must be specified when patchType is ${patchType}`));
  else {
    const { expression = '' } = mutation[own];
    const where = at.child(own, 'expression');
    const text = expression.trim();
    if (text === '') errors.push(required(where));
    else errors.push(...expressions.check(text, own, where, expression));
  }
  if (mutation[other] !== undefined) {
    const detail = `must not be specified when patchType is ${patchType}`;
    errors.push(invalidValue(at.child(other), `{${other}}`, detail));
  }
  return errors;
}

export function validateValidatingAdmissionPolicyBinding({
  spec,
}: ValidatingAdmissionPolicyBinding): FieldError[] {
  return [
    ...validatePolicyName(spec?.policyName, SPEC.child('policyName')),
    ...validateParamRef(spec?.paramRef, SPEC.child('paramRef')),
    ...validateMatchResources(spec?.matchResources, SPEC.child('matchResources')),
    ...validateActions(spec?.validationActions ?? [], SPEC.child('validationActions')),
  ];
}

function validateActions(actions: readonly string[], at: FieldPath): FieldError[] {
  const errors = actions.flatMap((action, i) => [
    ...(ACTIONS.includes(action) ? [] : [notSupported(at.index(i), action, ACTIONS)]),
    ...(actions.indexOf(action) < i ? [duplicate(at.index(i), action)] : []),
  ]);
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const detail =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalidValue(at, actions, detail));
  }
  if (actions.length > 0) return errors;
  return [...errors, required(at, 'at least one validation action is required')];
}

export function validateMutatingAdmissionPolicyBinding({
  spec,
}: MutatingAdmissionPolicyBinding): FieldError[] {
  const at = SPEC.child('matchResources');
  return [
    ...validatePolicyName(spec?.policyName, SPEC.child('policyName')),
    ...validateParamRef(spec?.paramRef, SPEC.child('paramRef')),
    ...validateMatchResources(spec?.matchResources, at),
    ...validateMutatingOperations(spec?.matchResources, at),
  ];
}
