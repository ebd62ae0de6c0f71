/**
 * Groups of the Kubernetes project need a word of approval.
 *
 * Source: KEP-1111; upstream v1.36 apiextensions-apiserver/pkg/apihelpers/helpers.go and
 * pkg/controller/apiapproval.
 */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';

const ANNOTATION = 'api-approved.kubernetes.io';
const NEED = `protected groups must have approval annotation "${ANNOTATION}"`;
const PULL = 'see https://github.com/kubernetes/enhancements/pull/1111';

export interface Approval {
  readonly state: 'invalid' | 'approved' | 'bypassed' | 'missing';
  readonly reason: string;
}

export function isProtectedGroup(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group);
}

export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const value = metadata?.annotations?.[ANNOTATION] ?? '';
  if (value === '') return { state: 'missing', reason: `${NEED}, ${PULL}` };
  if (value.startsWith('unapproved')) {
    return { state: 'bypassed', reason: `not approved: ${JSON.stringify(value)}` };
  }
  if (URL.parse(value)?.host) return { state: 'approved', reason: `approved in ${value}` };
  const reason = `${NEED} with either a URL or a reason starting with "unapproved", ${PULL}`;
  return { state: 'invalid', reason };
}

/** `old`: what is not approved may stay so. */
export function validateApproval(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  if (!isProtectedGroup(definition.spec?.group ?? '')) return [];
  const { state, reason } = approvalOf(definition);
  if (old !== undefined && approvalOf(old).state === state) return [];
  const at = fieldPath('metadata').child('annotations').key(ANNOTATION);
  if (state === 'missing') return [required(at, reason)];
  if (state !== 'invalid') return [];
  return [invalidValue(at, definition.metadata?.annotations?.[ANNOTATION] ?? '', reason)];
}
