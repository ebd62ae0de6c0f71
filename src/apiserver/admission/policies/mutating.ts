/**
 * MutatingAdmissionPolicy: expressions that change what is written, one policy after another by
 * their names, and bindings that say of which requests, with which parameters.
 *
 * Source: KEP-3962; upstream admission/plugin/policy/mutating/dispatcher.go and
 * generic/policy_dispatcher.go.
 */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from '#api/gen/admissionregistration-v1.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { serviceUnavailable, StatusError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { MutatingPolicyMetrics } from '../../metrics/policy-metrics.ts';
import type { AdmissionPlugin, Attributes, Rounds } from '../admission.ts';
import { RequestDecisions } from '../matching/authorizer.ts';
import { isExemptFromPolicies } from '../matching/exempt.ts';
import {
  admissionRequest,
  type RequestView,
  type ResourceMatch,
  viewOf,
} from '../matching/request.ts';
import type { ExpressionInput } from '../matching/variables.ts';
import { MutableObject } from '../mutable-object.ts';
import { refusal } from '../refusal.ts';
import { Reinvocation } from '../reinvocation.ts';
import type { AdmissionServices } from '../services.ts';
import { MUTATING_POLICIES, MUTATING_POLICY_BINDINGS } from '../targets.ts';
import { matchBinding, matchPolicy, namespaceOnce, PolicyFault } from './matching.ts';
import { Mutator } from './mutator.ts';
import { MutationError } from './mutation-error.ts';
import type { Param } from './params.ts';
import { type PolicyHook, PolicySource, type ReadyBinding, type ReadyPolicy } from './source.ts';

const NAME = 'MutatingAdmissionPolicy';

type OwnBinding = MutatingAdmissionPolicyBinding;
type OwnHook = PolicyHook<Mutator, OwnBinding>;

/** With the gate off policies are stored, and nobody goes by them: their group is served all the same. */
export function mutatingAdmissionPolicy(services: AdmissionServices): AdmissionPlugin {
  if (!services.gates.enabled(NAME)) return { name: NAME };
  const source = new PolicySource<MutatingAdmissionPolicy, OwnBinding, Mutator>(
    services.reader,
    { policies: MUTATING_POLICIES, bindings: MUTATING_POLICY_BINDINGS },
    (policy) => new Mutator(policy),
  );
  const metrics = new MutatingPolicyMetrics(services.metricRegistry);
  return {
    name: NAME,
    admit(attributes, rounds) {
      const { hooks } = source;
      if (hooks.length === 0 || attributes.operation === 'DELETE') return;
      if (isExemptFromPolicies(attributes.kind)) return;
      return new PolicyMutation({ services, metrics, attributes, rounds }).run(hooks);
    },
  };
}

/** A policy as one binding with one parameter has it evaluated. */
interface PolicyInvocation {
  readonly policy: ReadyPolicy<Mutator>;
  readonly binding: ReadyBinding<OwnBinding>;
  readonly param: Param | undefined;
  readonly match: ResourceMatch;
}

/** Why the request is refused. */
interface Refused {
  readonly message: string;
  readonly reason?: string;
}

/** The policies of one round of one request. */
class PolicyMutation {
  readonly #services: AdmissionServices;
  readonly #metrics: MutatingPolicyMetrics;
  readonly #attributes: Attributes;
  readonly #rounds: Rounds;
  readonly #view: RequestView;
  readonly #object: MutableObject;
  readonly #decisions: RequestDecisions;
  readonly #namespace: ReturnType<typeof namespaceOnce>;
  readonly #refused: Refused[] = [];
  /** A mutation was made, though the object may be what it was. */
  #isMutated = false;

  constructor(options: {
    readonly services: AdmissionServices;
    readonly metrics: MutatingPolicyMetrics;
    readonly attributes: Attributes;
    readonly rounds: Rounds;
  }) {
    this.#services = options.services;
    this.#metrics = options.metrics;
    this.#attributes = options.attributes;
    this.#rounds = options.rounds;
    this.#view = viewOf(options.attributes);
    this.#object = new MutableObject(this.#view);
    this.#decisions = new RequestDecisions(options.services.authorize);
    this.#namespace = namespaceOnce(options.services, this.#view);
  }

  async run(hooks: readonly OwnHook[]): Promise<void> {
    const invocations: PolicyInvocation[] = [];
    for (const hook of hooks) invocations.push(...(await this.#invocationsOf(hook)));
    if (invocations.length > 0) await this.#invoke(invocations);
    const [first] = this.#refused;
    if (first !== undefined) throw refused(this.#attributes, first, this.#refused);
  }

  /** Who is asked is decided by the object as it was before all of them. */
  async #invocationsOf({ policy, bindings }: OwnHook): Promise<PolicyInvocation[]> {
    const object = { view: this.#view, object: this.#attributes.object };
    const matched = await matchPolicy(this.#services, policy, this.#view, object.object).catch(
      (error: unknown) => this.#fault(new PolicyFault(messageOf(error), policy, undefined)),
    );
    if (matched === undefined) return [];
    const invocations: PolicyInvocation[] = [];
    for (const binding of bindings) {
      const { match, paramKind } = matched;
      const params = await matchBinding(this.#services, binding, object, paramKind).catch(
        (error: unknown) => this.#fault(new PolicyFault(messageOf(error), policy, binding)),
      );
      for (const param of params ?? []) invocations.push({ policy, binding, param, match });
    }
    return invocations;
  }

  async #invoke(invocations: readonly PolicyInvocation[]): Promise<void> {
    const { object } = this.#attributes;
    const reinvocation = Reinvocation.begin(NAME, this.#rounds, object);
    await this.#namespace();
    for (const invocation of invocations) {
      const { policy } = invocation;
      if (!(await this.#meetsConditions(invocation))) continue;
      const key = keyOf(invocation);
      if (reinvocation.isLeftOut(key, this.#rounds)) continue;
      if (await this.#mutate(invocation)) reinvocation.somethingChanged();
      if (policy.compiled.wantsToKnow) reinvocation.wantsToKnow(key);
    }
    if (this.#isMutated) {
      this.#rounds.wantsAnother = true;
      // As upstream: also those that were asked last, and even where nothing has changed.
      reinvocation.somethingChanged();
    }
    await this.#object.finish();
    reinvocation.end(object);
  }

  async #meetsConditions(invocation: PolicyInvocation): Promise<boolean> {
    const { conditions } = invocation.policy.compiled;
    if (conditions.isEmpty) return true;
    const { environment, metrics } = this.#services;
    const { namespace: _, ...input } = await this.#inputOf(invocation);
    const services = { clock: environment.clock, metrics };
    const outcome = await conditions.evaluate(services, this.#decisions, input);
    if (outcome.kind === 'error') this.#failed(invocation, outcome.message);
    return outcome.kind === 'match';
  }

  /** What expressions see of the object by now. */
  async #inputOf({ match, param }: PolicyInvocation): Promise<ExpressionInput> {
    return {
      view: this.#view,
      request: admissionRequest(this.#view, match),
      ...(await this.#object.shownAs(match.kind)),
      params: param?.json,
      namespace: await this.#namespace(),
    };
  }

  /** Whether the object is another one now. One mutation that fails does not keep the others. */
  async #mutate(invocation: PolicyInvocation): Promise<boolean> {
    let isChanged = false;
    for (let index = 0; index < invocation.policy.compiled.count; index += 1) {
      const input = await this.#inputOf(invocation);
      const { object } = input;
      if (object === undefined) return isChanged;
      if (await this.#mutateOnce(invocation, index, { ...input, object })) isChanged = true;
    }
    return isChanged;
  }

  async #mutateOnce(
    invocation: PolicyInvocation,
    index: number,
    input: ExpressionInput & { readonly object: JsonObject },
  ): Promise<boolean> {
    const { policy, binding, match } = invocation;
    const { clock } = this.#services.environment;
    const labels = { policy: policy.name, binding: binding.name };
    const startMs = clock.monotonicMs();
    try {
      checkMutable(this.#view);
      const { compiled } = policy;
      const { object, changed } = await compiled.mutate(index, match.kind, input, this.#decisions);
      this.#isMutated = true;
      if (changed) this.#object.set(object);
      this.#metrics.mutated(labels, undefined, clock.monotonicMs() - startMs);
      return changed;
    } catch (error) {
      this.#metrics.mutated(labels, messageOf(error), clock.monotonicMs() - startMs);
      if (!(error instanceof MutationError)) throw error;
      this.#failed(invocation, error.message);
      return false;
    }
  }

  #failed({ policy, binding }: PolicyInvocation, message: string): void {
    if (policy.ignoresFailures) return;
    this.#refused.push({ message: deniedBy(policy, binding, message), reason: 'Invalid' });
  }

  /** A policy that cannot be asked refuses, unless that is ignored. */
  #fault({ policy, binding, message }: PolicyFault): undefined {
    if (!policy.ignoresFailures)
      this.#refused.push({ message: deniedBy(policy, binding, message) });
  }
}

function keyOf({ policy, binding, param }: PolicyInvocation): string {
  return JSON.stringify([policy.name, binding.name, param?.namespace, param?.name]);
}

/** Upstream knows the fields of what OpenAPI describes: not those of the options of connections. */
function checkMutable({ operation, kind }: RequestView): void {
  if (operation !== 'CONNECT') return;
  const shown = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
  throw serviceUnavailable(
    `Resource kind ${shown} not found. There can be a delay between when CustomResourceDefinitions are created and when they are available.`,
  );
}

function deniedBy(
  policy: Pick<ReadyPolicy<unknown>, 'name'>,
  binding: { readonly name: string } | undefined,
  message: string,
): string {
  return binding === undefined
    ? `policy ${JSON.stringify(policy.name)} denied request: ${message}`
    : `policy '${policy.name}' with binding '${binding.name}' denied request: ${message}`;
}

const FORBIDDEN = 403;

/** Code and reason need not fit: upstream changes only the reason. */
function refused(
  attributes: Attributes,
  { message, reason = 'Forbidden' }: Refused,
  all: readonly Refused[],
): StatusError {
  const causes = all.map((each) => ({ message: each.message }));
  const { details = {} } = refusal(attributes, message, causes).status;
  return new StatusError({ code: FORBIDDEN, reason, message, details });
}
