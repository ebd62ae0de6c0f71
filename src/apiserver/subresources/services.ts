/** What the subresources that act are made with. */
import type { Environment } from '#base/env.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import type { TokenAuthenticator } from '../authn/token-authenticator.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { RuleResolver } from '../authz/rules.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import type { WriteServices } from '../verbs/write.ts';

export interface SubresourceServices {
  readonly registry: Registry;
  readonly writes: WriteServices;
  readonly reader: ObjectReader;
  readonly tokens: ServiceAccountTokens;
  /** Whom a bearer token stands for. */
  readonly authenticateToken: TokenAuthenticator;
  /** Whether requests of nobody are let in at all. */
  readonly allowsAnonymous: boolean;
  readonly authorize: Authorizer;
  readonly rules: RuleResolver;
  readonly environment: Environment;
  /** The served resource, in the version that is served first; undefined when there is none. */
  resourceOf(group: string, plural: string): Resource | undefined;
  /** Components whose health `componentstatuses` shows beside the store's. */
  readonly components?: readonly ComponentProbe[];
}

export interface ComponentProbe {
  /** `scheduler`, `controller-manager`. */
  readonly name: string;
  /** What is wrong, or undefined. */
  check(): Promise<string | undefined>;
}
