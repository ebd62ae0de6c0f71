/**
 * Admission webhooks, and the match conditions that policies have too.
 *
 * Source: upstream pkg/apis/admissionregistration/validation/validation.go.
 */
import type {
  MatchCondition,
  MutatingWebhook,
  Rule,
  RuleWithOperations,
  ValidatingWebhook,
} from '#api/gen/admissionregistration-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
  tooMany,
} from '../meta/field.ts';
import { equalValues } from '../meta/equal.ts';
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts';
import { AdmissionExpressions } from './admission-expressions.ts';
import { optionalOneOf, present, qualifiedName } from './common.ts';
import { invalidAll, validateLabelSelector } from './metadata.ts';
import { validateWebhookClient } from './webhook-client.ts';

const TIMEOUT_SECONDS_MAX = 30;
const MATCH_CONDITIONS_MAX = 64;
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

function validateName(name: string, at: FieldPath): FieldError[] {
  if (name === '') return [required(at)];
  const messages = isDns1123Subdomain(name);
  if (messages.length > 0) return [invalidValue(at, name, messages.join(','))];
  if (name.split('.').length >= 3) return [];
  const detail = 'should be a domain with at least three segments separated by dots';
  return [invalidValue(at, name, detail)];
}

/** `*` stands alone. */
function lonelyWildcard(list: readonly string[], what: string, at: FieldPath): FieldError[] {
  if (list.length < 2 || !list.includes('*')) return [];
  return [invalidValue(at, list, `if '*' is present, must not specify other ${what}`)];
}

function validateResources(resources: readonly string[], at: FieldPath): FieldError[] {
  const errors = present(resources, at);
  const wholeResources = new Set<string>();
  const wholeSubresources = new Set<string>();
  let plain = false;
  for (const [i, text] of resources.entries()) {
    const slash = text.indexOf('/');
    if (text === '') errors.push(required(at.index(i)));
    else if (slash < 0) plain = text !== '*';
    if (slash < 0) continue;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    for (const [covers, pattern] of [
      [wholeResources.has(resource), `${resource}/*`],
      [wholeSubresources.has(subresource), `*/${subresource}`],
    ] as const) {
      const detail = `if '${pattern}' is present, must not specify ${text}`;
      if (covers) errors.push(invalidValue(at.index(i), text, detail));
    }
    if (subresource === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    const detail = "if '*/*' is present, must not specify other resources";
    errors.push(invalidValue(at, resources, detail));
  }
  if (resources.includes('*') && plain) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalidValue(at, resources, detail));
  }
  return errors;
}

function validateRule(rule: Rule, at: FieldPath): FieldError[] {
  const { apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  const versions = at.child('apiVersions');
  return [
    ...present(apiGroups, at.child('apiGroups')),
    ...lonelyWildcard(apiGroups, 'API groups', at.child('apiGroups')),
    ...present(apiVersions, versions),
    ...lonelyWildcard(apiVersions, 'API versions', versions),
    ...apiVersions.flatMap((version, i) => (version === '' ? [required(versions.index(i))] : [])),
    ...validateResources(resources, at.child('resources')),
    ...optionalOneOf(scope, ['*', 'Cluster', 'Namespaced'], at.child('scope')),
  ];
}

export function validateRuleWithOperations(rule: RuleWithOperations, at: FieldPath): FieldError[] {
  const here = at.child('operations');
  const operations = rule.operations ?? [];
  return [
    ...present(operations, here),
    ...lonelyWildcard(operations, 'operations', here),
    ...operations.flatMap((operation, i) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(here.index(i), operation, OPERATIONS)],
    ),
    ...validateRule(rule, at),
  ];
}

function validateVersions(versions: readonly string[], at: FieldPath): FieldError[] {
  const list = REVIEW_VERSIONS.join(', ');
  if (versions.length === 0) return [required(at, `must specify one of ${list}`)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [invalidValue(at.index(i), version, 'duplicate version')]
      : invalidAll(at.index(i), version, isDns1035Label(version)),
  );
  if (versions.some((version) => REVIEW_VERSIONS.includes(version))) return errors;
  return [...errors, invalidValue(at, versions, `must include at least one of ${list}`)];
}

export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  at: FieldPath,
  expressions: AdmissionExpressions,
): FieldError[] {
  const count = conditions.length;
  const many = count > MATCH_CONDITIONS_MAX ? [tooMany(at, count, MATCH_CONDITIONS_MAX)] : [];
  const names = conditions.map(({ name }) => name);
  const errors = conditions.flatMap(
    ({ name = '', expression = '' }: Partial<MatchCondition>, i) => {
      const here = at.index(i);
      const where = here.child('name');
      const text = expression.trim();
      const expressionAt = here.child('expression');
      return [
        ...(text === ''
          ? [required(expressionAt)]
          : expressions.check(text, 'matchCondition', expressionAt)),
        ...(name === '' ? [required(where)] : qualifiedName(name, where)),
        ...(name !== '' && names.indexOf(name) < i ? [duplicate(where, name)] : []),
      ];
    },
  );
  return [...many, ...errors];
}

/** Undefined: the match conditions are those that are stored, and are not judged again. */
type Judge = AdmissionExpressions | undefined;

function validateWebhook(webhook: Webhook, at: FieldPath, judge: Judge): FieldError[] {
  const { rules = [], sideEffects, timeoutSeconds: timeout, matchConditions = [] } = webhook;
  const effects = at.child('sideEffects');
  const errors = [
    ...validateName(webhook.name ?? '', at.child('name')),
    ...rules.flatMap((rule, i) => validateRuleWithOperations(rule, at.child('rules').index(i))),
    ...optionalOneOf(webhook.failurePolicy, ['Fail', 'Ignore'], at.child('failurePolicy')),
    ...optionalOneOf(webhook.matchPolicy, ['Equivalent', 'Exact'], at.child('matchPolicy')),
  ];
  if (sideEffects === undefined) {
    errors.push(required(effects, `must specify one of ${SIDE_EFFECTS.join(', ')}`));
  }
  errors.push(...optionalOneOf(sideEffects, SIDE_EFFECTS, effects));
  if (timeout !== undefined && (timeout > TIMEOUT_SECONDS_MAX || timeout < 1)) {
    const detail = 'the timeout value must be between 1 and 30 seconds';
    errors.push(invalidValue(at.child('timeoutSeconds'), timeout, detail));
  }
  const reinvocation = at.child('reinvocationPolicy');
  return [
    ...errors,
    ...validateLabelSelector(webhook.namespaceSelector, at.child('namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, at.child('objectSelector')),
    ...optionalOneOf(webhook.reinvocationPolicy, ['IfNeeded', 'Never'], reinvocation),
    ...validateWebhookClient(webhook.clientConfig, at.child('clientConfig')),
    ...(judge === undefined
      ? []
      : validateMatchConditions(matchConditions, at.child('matchConditions'), judge)),
    ...validateVersions(webhook.admissionReviewVersions ?? [], at.child('admissionReviewVersions')),
  ];
}

/** `old`: what is stored, on an update. */
export function validateWebhooks(
  webhooks: readonly Webhook[],
  old?: readonly Webhook[],
): FieldError[] {
  const names = webhooks.map(({ name }) => name);
  const judge = judgeOf(webhooks, old);
  return webhooks.flatMap((webhook, i) => {
    const at = fieldPath('webhooks').index(i);
    const errors = validateWebhook(webhook, at, judge);
    if (webhook.name && names.indexOf(webhook.name) < i) {
      errors.push(duplicate(at.child('name'), webhook.name));
    }
    return errors;
  });
}

function judgeOf(next: readonly Webhook[], old: readonly Webhook[] | undefined): Judge {
  if (old === undefined) return new AdmissionExpressions({});
  const isSame = next.every(({ matchConditions }, i) =>
    equalValues(matchConditions, old[i]?.matchConditions),
  );
  if (isSame && next.length === old.length) return undefined;
  const conditions = old.flatMap(({ matchConditions = [] }) => matchConditions);
  const matchCondition = new Set(conditions.map(({ expression }) => expression));
  return new AdmissionExpressions({ known: { matchCondition } });
}
