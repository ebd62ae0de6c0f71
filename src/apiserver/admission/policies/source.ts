/**
 * The policies that are bound, by name, each made ready once for each of its revisions.
 *
 * Upstream: admission/plugin/policy/generic/policy_source.go.
 */
import type { MatchResources, ParamKind, ParamRef } from '#api/gen/admissionregistration-v1.ts';
import { type GroupVersionKind, type ObjectMeta, parseApiVersion } from '#api/meta/object.ts';
import type { ObjectReader } from '../admission.ts';
import { type MatchCriteria, policyCriteria } from '../matching/matcher.ts';
import type { Target } from '../targets.ts';

/** What policies of both kinds have. */
export interface Policy {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly paramKind?: ParamKind;
    readonly matchConstraints?: MatchResources;
    readonly failurePolicy?: string;
  };
}

/** What bindings of both kinds have. */
export interface Binding {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly policyName?: string;
    readonly paramRef?: ParamRef;
    readonly matchResources?: MatchResources;
  };
}

export interface ReadyBinding<B extends Binding> {
  readonly name: string;
  readonly binding: B;
  /** Undefined where it leaves nothing out. */
  readonly criteria: MatchCriteria | undefined;
}

/** `C`: what its expressions are compiled to. */
export interface ReadyPolicy<C> {
  readonly name: string;
  readonly criteria: MatchCriteria;
  /** Undefined: it has no parameters. */
  readonly paramKind: GroupVersionKind | undefined;
  /** The request goes on where the policy cannot be evaluated. */
  readonly ignoresFailures: boolean;
  /** Made when it is first asked for. */
  readonly compiled: C;
}

/** A policy with its bindings. */
export interface PolicyHook<C, B extends Binding> {
  readonly policy: ReadyPolicy<C>;
  /** In the order of their names. */
  readonly bindings: readonly ReadyBinding<B>[];
}

interface Known<C> {
  readonly revision: string;
  readonly policy: ReadyPolicy<C>;
}

export class PolicySource<P extends Policy, B extends Binding, C> {
  readonly #reader: ObjectReader;
  readonly #targets: { readonly policies: Target; readonly bindings: Target };
  readonly #compile: (policy: P) => C;
  /** Undefined: something has changed, or nobody has asked yet. */
  #hooks: readonly PolicyHook<C, B>[] | undefined;
  /** By the name of the policy; no more than are bound. */
  #known = new Map<string, Known<C>>();

  /** `compile`: called once for each revision of a policy that is asked of a request. */
  constructor(
    reader: ObjectReader,
    targets: { readonly policies: Target; readonly bindings: Target },
    compile: (policy: P) => C,
  ) {
    this.#reader = reader;
    this.#targets = targets;
    this.#compile = compile;
    const forget = (): void => {
      this.#hooks = undefined;
    };
    reader.follow(targets.policies, forget);
    reader.follow(targets.bindings, forget);
  }

  /** As the caches show them, by name; empty for most clusters, and then it costs nothing. */
  get hooks(): readonly PolicyHook<C, B>[] {
    this.#hooks ??= this.#read();
    return this.#hooks;
  }

  #read(): readonly PolicyHook<C, B>[] {
    const bindings = [...this.#reader.list(this.#targets.bindings)] as unknown[] as B[];
    const bound = Map.groupBy(bindings.toSorted(byName), ({ spec }) => spec?.policyName ?? '');
    const before = this.#known;
    this.#known = new Map();
    const hooks: PolicyHook<C, B>[] = [];
    for (const policy of (
      [...this.#reader.list(this.#targets.policies)] as unknown[] as P[]
    ).toSorted(byName)) {
      const { name = '', uid = '', resourceVersion = '' } = policy.metadata ?? {};
      const own = bound.get(name);
      if (own === undefined) continue;
      const revision = `${uid}/${resourceVersion}`;
      const known = before.get(name);
      const ready =
        known !== undefined && known.revision === revision
          ? known
          : { revision, policy: this.#ready(name, policy) };
      this.#known.set(name, ready);
      hooks.push({ policy: ready.policy, bindings: own.map(readyBinding) });
    }
    return hooks;
  }

  #ready(name: string, policy: P): ReadyPolicy<C> {
    const { paramKind, matchConstraints = {}, failurePolicy } = policy.spec ?? {};
    const compile = this.#compile;
    let compiled: { readonly made: C } | undefined;
    return {
      name,
      criteria: policyCriteria(matchConstraints),
      paramKind: paramKind && {
        ...parseApiVersion(paramKind.apiVersion ?? ''),
        kind: paramKind.kind ?? '',
      },
      ignoresFailures: failurePolicy === 'Ignore',
      get compiled(): C {
        compiled ??= { made: compile(policy) };
        return compiled.made;
      },
    };
  }
}

function readyBinding<B extends Binding>(binding: B): ReadyBinding<B> {
  const { matchResources } = binding.spec ?? {};
  return {
    name: binding.metadata?.name ?? '',
    binding,
    criteria: matchResources && policyCriteria(matchResources),
  };
}

function byName(
  { metadata: one }: Pick<Policy, 'metadata'>,
  { metadata: other }: Pick<Policy, 'metadata'>,
): number {
  return (one?.name ?? '') < (other?.name ?? '') ? -1 : 1;
}
