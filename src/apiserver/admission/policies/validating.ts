/**
 * ValidatingAdmissionPolicy: expressions that say yes or no to what is about to be written, and
 * bindings that say of which requests, with which parameters, and what follows.
 *
 * Source: KEP-3488; upstream admission/plugin/policy/validating/dispatcher.go.
 */
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#api/gen/admissionregistration-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import { StatusError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { ValidatingPolicyMetrics } from '../../metrics/policy-metrics.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { RequestDecisions } from '../matching/authorizer.ts';
import { isExemptFromPolicies } from '../matching/exempt.ts';
import { admissionRequest, type RequestView, viewOf } from '../matching/request.ts';
import type { ConditionServices } from '../matching/conditions.ts';
import type { ExpressionInput } from '../matching/variables.ts';
import { shownInVersions } from '../matching/versions.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { VALIDATING_POLICIES, VALIDATING_POLICY_BINDINGS } from '../targets.ts';
import { AnnotationCollector, annotateFailure } from './annotations.ts';
import { matchBinding, matchPolicy, namespaceOnce, PolicyFault } from './matching.ts';
import { type PolicyHook, PolicySource, type ReadyBinding } from './source.ts';
import { type PolicyDecision, type PolicyResult, Validator } from './validator.ts';

type OwnBinding = ValidatingAdmissionPolicyBinding;
type OwnHook = PolicyHook<Validator, OwnBinding>;

export function validatingAdmissionPolicy(services: AdmissionServices): AdmissionPlugin {
  const source = new PolicySource<ValidatingAdmissionPolicy, OwnBinding, Validator>(
    services.reader,
    { policies: VALIDATING_POLICIES, bindings: VALIDATING_POLICY_BINDINGS },
    (policy) => new Validator(policy),
  );
  const metrics = new ValidatingPolicyMetrics(services.metricRegistry);
  return {
    name: 'ValidatingAdmissionPolicy',
    validate(attributes) {
      const { hooks } = source;
      if (hooks.length === 0 || isExemptFromPolicies(attributes.kind)) return;
      return new Validation(services, metrics, attributes).run(hooks);
    },
  };
}

/** Why the request is refused. */
interface Denial {
  readonly policy: string;
  readonly binding: string | undefined;
  readonly message: string;
  readonly reason: string | undefined;
}

/** All policies on one request. */
class Validation {
  readonly #services: AdmissionServices;
  readonly #metrics: ValidatingPolicyMetrics;
  readonly #attributes: Attributes;
  readonly #view: RequestView;
  readonly #decisions: RequestDecisions;
  readonly #shown: ReturnType<typeof shownInVersions>;
  readonly #namespace: ReturnType<typeof namespaceOnce>;
  /** The first is the one that is answered. */
  #denial: Denial | undefined;

  constructor(
    services: AdmissionServices,
    metrics: ValidatingPolicyMetrics,
    attributes: Attributes,
  ) {
    this.#services = services;
    this.#metrics = metrics;
    this.#attributes = attributes;
    this.#view = viewOf(attributes);
    this.#decisions = new RequestDecisions(services.authorize);
    this.#shown = shownInVersions(attributes, this.#view.kind);
    this.#namespace = namespaceOnce(services, this.#view);
  }

  async run(hooks: readonly OwnHook[]): Promise<void> {
    for (const hook of hooks) await this.#ask(hook);
    if (this.#denial !== undefined) throw denied(this.#attributes, this.#denial);
  }

  async #ask(hook: OwnHook): Promise<void> {
    const { policy } = hook;
    const matched = await this.#match(hook).catch((error: unknown) =>
      this.#fault(new PolicyFault(messageOf(error), policy, undefined)),
    );
    if (matched === undefined) return;
    const collector = new AnnotationCollector();
    for (const binding of hook.bindings) {
      const params = await matchBinding(
        this.#services,
        binding,
        { view: this.#view, object: this.#attributes.object },
        matched.paramKind,
      ).catch((error: unknown) => this.#fault(new PolicyFault(messageOf(error), policy, binding)));
      for (const param of params ?? []) {
        const namespace = await this.#namespace();
        const input = { ...matched.input, namespace, params: param?.json };
        const result = await policy.compiled.validate(this.#conditions, this.#decisions, input);
        this.#enforce(result, { hook, binding, collector });
      }
    }
    collector.publish(policy.name, this.#attributes);
  }

  get #conditions(): ConditionServices {
    const { environment, metrics } = this.#services;
    return { clock: environment.clock, metrics };
  }

  /** Undefined: the policy is not for the request. Throws why that cannot be said. */
  async #match({ policy }: OwnHook): Promise<Matched | undefined> {
    const { object } = this.#attributes;
    const matched = await matchPolicy(this.#services, policy, this.#view, object);
    if (matched === undefined) return undefined;
    const { match, paramKind } = matched;
    const shown = await this.#shown(match.kind).catch((error: unknown) => {
      throw new Error(`failed to convert object version: ${messageOf(error)}`);
    });
    const request = admissionRequest(this.#view, match);
    return { paramKind, input: { view: this.#view, request, ...shown } };
  }

  /** A policy that cannot be asked refuses, unless that is ignored. */
  #fault({ policy, binding, message }: PolicyFault): undefined {
    if (policy.ignoresFailures) return;
    this.#deny({ policy: policy.name, binding: binding?.name, message, reason: undefined });
  }

  #deny(denial: Denial): void {
    this.#denial ??= denial;
  }

  #enforce({ decisions, annotations }: PolicyResult, asked: Asked): void {
    const { policy } = asked.hook;
    const labels = { policy: policy.name, binding: asked.binding.name };
    for (const decision of decisions) {
      if (decision.isAdmitted) this.#metrics.enforced(labels, 'allow', decision);
      else this.#act(decision, asked);
    }
    for (const annotation of annotations) {
      if ('key' in annotation) {
        asked.collector.add(annotation.key, annotation.value);
        continue;
      }
      const { error: message, tookMs } = annotation;
      this.#deny({ ...labels, message, reason: undefined });
      this.#metrics.enforced(labels, 'deny', { message, tookMs });
    }
  }

  /** Does what the binding wants done about a validation that did not pass. */
  #act(decision: PolicyDecision, { hook, binding }: Asked): void {
    const { message, reason, index: expressionIndex } = decision;
    const { validationActions = [] } = binding.binding.spec ?? {};
    const labels = { policy: hook.policy.name, binding: binding.name };
    for (const action of validationActions) {
      if (action === 'Deny') {
        this.#deny({ ...labels, message, reason });
        this.#metrics.enforced(labels, 'deny', decision);
      } else if (action === 'Audit') {
        annotateFailure(this.#attributes, {
          ...labels,
          message,
          expressionIndex,
          validationActions,
        });
        this.#metrics.enforced(labels, 'audit', decision);
      } else if (action === 'Warn') {
        this.#attributes.warn(
          `Validation failed for ValidatingAdmissionPolicy '${labels.policy}' with binding '${labels.binding}': ${message}`,
        );
        this.#metrics.enforced(labels, 'warn', decision);
      }
    }
  }
}

interface Matched {
  readonly paramKind: AnyKind | undefined;
  readonly input: ExpressionInput;
}

interface Asked {
  readonly hook: OwnHook;
  readonly binding: ReadyBinding<OwnBinding>;
  readonly collector: AnnotationCollector;
}

const INVALID = 422;
const CODES: Readonly<Record<string, number>> = {
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: INVALID,
};

function denied(attributes: Attributes, denial: Denial): StatusError {
  const { policy, binding, reason = 'Invalid' } = denial;
  const by = binding === undefined ? '' : ` with binding '${binding}'`;
  const message = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${denial.message}`;
  const { status } = refusal(attributes, message, [{ message }]);
  return new StatusError({
    code: CODES[reason] ?? INVALID,
    reason,
    ...(status.message === undefined ? {} : { message: status.message }),
    ...(status.details === undefined ? {} : { details: status.details }),
  });
}
