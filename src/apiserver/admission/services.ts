/** What admission plug-ins decide with. */
import type { Environment } from '#base/env.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { ObjectReader } from './admission.ts';

export interface AdmissionServices {
  readonly reader: ObjectReader;
  readonly authorize: Authorizer;
  readonly environment: Environment;
  /** Its hub says when the caches have changed. */
  readonly registry: Pick<Registry, 'hub' | 'update'>;
  readonly resources: Pick<ResourceSet, 'first'>;
}
