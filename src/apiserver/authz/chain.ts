/**
 * The authorizers that a configuration asks for, in its order, as long as it holds.
 *
 * Before all of them `system:masters` may do everything. Node, RBAC and ABAC are made once and stay
 * when the configuration changes; webhooks are made anew, with empty caches.
 * Source: upstream v1.36 pkg/kubeapiserver/authorizer/reload.go.
 */
import type { AuthorizerConfiguration } from '#api/apiserver-config/authorization-types.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Environment } from '#base/env.ts';
import { whenThere } from '#base/eventual.ts';
import type { Live } from '#base/live.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { nodeNameOf } from '../authn/node-identity.ts';
import type { AuthorizationMetrics } from '../metrics/authorization-metrics.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import type { ReviewEndpoint } from '../webhooks/review-endpoint.ts';
import { type AbacPolicy, abacAuthorizer } from './abac.ts';
import {
  type Authorizer,
  composeAuthorizers,
  type Decision,
  mastersAuthorizer,
} from './authorizer.ts';
import { nodeAuthorizer } from './node.ts';
import { rbacAuthorizer, rbacRules } from './rbac.ts';
import {
  ALWAYS_ALLOW,
  ALWAYS_DENY,
  joinRules,
  NO_RULES,
  type RuledAuthorizer,
  type RuleResolver,
  unresolved,
} from './rules.ts';
import { webhookAuthorizer } from './webhook.ts';

/** An authorizer as it is configured; one of type Webhook has both of the rest. */
export interface ChosenAuthorizer extends AuthorizerConfiguration {
  readonly endpoint?: ReviewEndpoint;
}

/** What an API server is told of authorization. */
export interface AuthorizationOptions {
  readonly authorizers: Live<readonly ChosenAuthorizer[]>;
  /** For the type ABAC. */
  readonly policies?: readonly AbacPolicy[];
}

export interface AuthorizationChain {
  readonly authorize: Authorizer;
  readonly rules: RuleResolver;
}

export interface ChainServices {
  readonly reader: ObjectReader;
  readonly environment: Environment;
  readonly backends: BackendConnector;
  readonly metrics: AuthorizationMetrics;
  readonly gates?: FeatureGates;
}

export function authorizationChain(
  { authorizers: live, policies = [] }: AuthorizationOptions,
  services: ChainServices,
): AuthorizationChain {
  const { reader } = services;
  const made = new Map<string, RuledAuthorizer>();
  const lasting = (type: string, make: () => RuledAuthorizer): RuledAuthorizer => {
    const known = made.get(type) ?? make();
    made.set(type, known);
    return known;
  };
  const makers: Readonly<Record<string, () => RuledAuthorizer>> = {
    AlwaysAllow: () => ALWAYS_ALLOW,
    AlwaysDeny: () => ALWAYS_DENY,
    ABAC: () => abacAuthorizer(policies),
    Node: () => ({ authorize: nodeAuthorizer(reader, services), rules: nodeRules }),
    RBAC: () => ({ authorize: rbacAuthorizer(reader), rules: rbacRules(reader) }),
  };
  const authorizerOf = ({ type, name, webhook, endpoint }: ChosenAuthorizer): RuledAuthorizer => {
    if (webhook !== undefined && endpoint !== undefined)
      return webhookAuthorizer({ ...services, name, webhook, endpoint });
    const make = makers[type];
    if (make === undefined) throw new Error(`unknown authorization mode ${type} specified`);
    return lasting(type, make);
  };
  const chainOf = (chosen: readonly ChosenAuthorizer[]): AuthorizationChain => {
    const all = chosen.map((one) => counted(authorizerOf(one), one, services.metrics));
    return {
      authorize: composeAuthorizers([mastersAuthorizer, ...all.map(({ authorize }) => authorize)]),
      rules: joinRules(all.map(({ rules }) => rules)),
    };
  };
  let chain = chainOf(live.current);
  live.subscribe((change) => {
    if ('value' in change) chain = chainOf(change.value);
  });
  return {
    authorize: (attributes, signal) => chain.authorize(attributes, signal),
    rules: (user, namespace) => chain.rules(user, namespace),
  };
}

/** Those of a node depend on its pods. */
const nodeRules: RuleResolver = (user, namespace) =>
  nodeNameOf(user) === undefined ? NO_RULES : unresolved('node')(user, namespace);

/** The same, with its decisions counted. */
function counted(
  { authorize, rules }: RuledAuthorizer,
  { type, name }: ChosenAuthorizer,
  metrics: AuthorizationMetrics,
): RuledAuthorizer {
  const counts = metrics.decisionsOf(type, name);
  const count = (decision: Decision): Decision => {
    if (decision.outcome === 'allow') counts.allowed++;
    else if (decision.outcome === 'deny') counts.denied++;
    return decision;
  };
  return {
    authorize: (attributes, signal) => whenThere(authorize(attributes, signal), count),
    rules,
  };
}
