/** What an API server is made of: the world around it, its choices, and its limits. */
import type { Environment } from '#base/env.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { RuntimeConfig } from '#api/features/runtime-config.ts';
import type { Store } from '#store/store.ts';
import type { EncryptionOptions } from './encryption/encryption.ts';
import type { AuditOptions } from './audit/options.ts';
import type { AdmissionOptions } from './admission/options.ts';
import type { RequestHeaderOptions } from './aggregator/identity.ts';
import type { FrontProxyIdentity } from './aggregator/remote.ts';
import type { HistoryPolicy } from './history/policy.ts';
import type { Explainer } from './why/handler.ts';
import type { AuthenticationOptions } from './authn/options.ts';
import type { AuthorizationOptions } from './authz/chain.ts';
import type { BackendConnector } from './proxy/transport.ts';
import type { KubeletConnector } from './subresources/kubelet.ts';

export interface ApiServerOptions {
  readonly environment: Environment;
  readonly store: Store;
  /** Signs and checks service-account tokens: a PEM private key (EC P-256 or RSA). */
  readonly serviceAccountKey: string;
  readonly serviceAccountIssuer: string;
  /** PEM keys whose tokens are believed beside those of `serviceAccountKey`. */
  readonly trustedServiceAccountKeys?: readonly string[];
  /** `--enable-bootstrap-token-auth`: takes the tokens that machines join with. */
  readonly bootstrapTokens?: boolean;
  /** CIDR of Service addresses; the first address is the `kubernetes` Service. */
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: { readonly from: number; readonly to: number };
  /** Where clients in the cluster reach this server. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** PEM bundle that clients check this server by; published as extension-apiserver-authentication. */
  readonly clientCa: string;
  /** The road to kubelets, for logs, exec, attach and port-forward. */
  readonly kubelets: KubeletConnector;
  /** The road to pods and to other API servers; without it there is none. */
  readonly backends?: BackendConnector;
  /** As whom this server speaks to other API servers; they believe it nothing without. */
  readonly frontProxy?: FrontProxyIdentity & {
    /** PEM bundle that other API servers check that certificate by. */
    readonly authority: string;
    /** What is believed of front proxies before this server; kubeadm's names unless given. */
    readonly requestHeaders?: Partial<RequestHeaderOptions>;
  };
  /** `--encryption-provider-config`; without it values lie in the store as they are. */
  readonly encryption?: EncryptionOptions;
  /** Whose tokens are believed, and how: those of service accounts unless given. */
  readonly authentication?: AuthenticationOptions;
  /** Who decides what may be done: Node and RBAC unless given. */
  readonly authorization?: AuthorizationOptions;
  readonly limits?: Partial<ApiServerLimits>;
  /** `--enable-priority-and-fairness`; on unless it is false. */
  readonly priorityAndFairness?: boolean;
  /** `--audit-policy-file`, and where events go. Nothing is audited without it. */
  readonly audit?: AuditOptions;
  readonly history?: Partial<HistoryPolicy>;
  /** Without it the group `why.coxswain.dev` is not there. */
  readonly explain?: Explainer;
  /** `--feature-gates`; all at their defaults unless given. */
  readonly featureGates?: FeatureGates;
  /** Admission plug-ins that are switched on and off, by name, and what they are configured with. */
  readonly admission?: AdmissionOptions;
  /** Of the machine; the Lease of this server is named after it. `localhost` unless given. */
  readonly hostname?: string;
  /** False leaves the endpoints of the Service `kubernetes` to somebody else. */
  readonly publishesAddress?: boolean;
  /** What `/flagz` shows. */
  readonly flags?: ReadonlyMap<string, string>;
  /** `--runtime-config`: which versions are served. */
  readonly runtimeConfig?: RuntimeConfig;
  /** Sees each object that readers in this process will share; tests freeze it. */
  readonly onParsed?: (object: object) => void;
}

export interface ApiServerLimits {
  readonly readsInFlight: number;
  readonly writesInFlight: number;
  readonly requestTimeoutMs: number;
  readonly watches: number;
  readonly eventTtlSeconds: number;
  /** What all admission webhooks of one request may take together. */
  readonly webhookBudgetMs: number;
  /** Between `/readyz` failing and the end of watches: load balancers look elsewhere meanwhile. */
  readonly shutdownDelayMs: number;
}

/** Upstream's defaults, but for the limits on watches and on webhooks, which upstream has not. */
export const LIMITS: ApiServerLimits = {
  readsInFlight: 400,
  writesInFlight: 200,
  requestTimeoutMs: 60_000,
  watches: 10_000,
  eventTtlSeconds: 3_600,
  webhookBudgetMs: 30_000,
  shutdownDelayMs: 0,
};
