/**
 * What the audit log is told of validating policies.
 *
 * Source: Kubernetes documentation, "Audit Annotations"; upstream
 * admission/plugin/policy/validating/dispatcher.go (auditAnnotationCollector,
 * publishValidationFailureAnnotation).
 */
import type { Attributes } from '../admission.ts';

const FAILURE = 'validation.policy.admission.k8s.io/validation_failure';
/** What is longer is cut. */
const VALUE_BYTES_MAX = 10 * 1024;

/** A validation that failed, where the binding wants it in the audit log. */
export interface ValidationFailure {
  readonly message: string;
  readonly policy: string;
  readonly binding: string;
  readonly expressionIndex: number;
  readonly validationActions: readonly string[];
}

/** A list, though there is one: upstream leaves itself room for several. */
export function annotateFailure(attributes: Attributes, failure: ValidationFailure): void {
  const { message, policy, binding, expressionIndex, validationActions } = failure;
  const value = [{ message, policy, binding, expressionIndex, validationActions }];
  attributes.annotate(FAILURE, JSON.stringify(value));
}

/** The annotations of one policy, from all its bindings and parameters. */
export class AnnotationCollector {
  readonly #values = new Map<string, Set<string>>();

  add(key: string, value: string): void {
    const bytes = Buffer.from(value);
    const cut =
      bytes.length > VALUE_BYTES_MAX ? bytes.subarray(0, VALUE_BYTES_MAX).toString() : value;
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, new Set([cut]));
    else values.add(cut);
  }

  /** Different values of one key are joined. */
  publish(policy: string, attributes: Attributes): void {
    for (const [key, values] of this.#values)
      attributes.annotate(`${policy}/${key}`, [...values].join(', '));
  }
}
