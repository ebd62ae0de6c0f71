/**
 * The audit policy: which requests are written down, and how much of each.
 *
 * Source: the configuration API audit.k8s.io/v1, "Policy"; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go.
 */
import {
  BOOL,
  list,
  object,
  optional,
  always,
  pointer,
  STRING,
  struct,
  TYPE_META,
} from '../component-config/fields.ts';
import { typeByName, type TypeSchema } from '../schema/schema.ts';

/** How much is written down; each level has what those before it have. */
export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];

/** Where a request is in its life. */
export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

export interface GroupResources {
  /** Empty: the core group. `*`: all of them. */
  readonly group?: string;
  /** `pods`, `pods/log`, `pods/*`, `*` followed by `/scale`, `*`; all of the group when empty. */
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A list that is empty or absent leaves nothing out. */
export interface PolicyRule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  /** The empty name is that of what lies in no namespace. */
  readonly namespaces?: readonly string[];
  /** `*` may stand at the end. */
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly Stage[];
  /** Overrides that of the policy. */
  readonly omitManagedFields?: boolean;
}

export interface Policy {
  /** The first that matches counts; what matches none is not written down. */
  readonly rules: readonly PolicyRule[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export const API_VERSION = 'audit.k8s.io/v1';

const AT = {
  name: 'io.k8s.apiserver.pkg.apis.audit.v1',
  goPackage: 'v1',
};
const STRINGS = list(STRING);

const GROUP_RESOURCES = struct(
  'GroupResources',
  [optional('group', STRING), optional('resources', STRINGS), optional('resourceNames', STRINGS)],
  AT,
);

const POLICY_RULE = struct(
  'PolicyRule',
  [
    always('level', STRING),
    optional('users', STRINGS),
    optional('userGroups', STRINGS),
    optional('verbs', STRINGS),
    optional('resources', list(object(GROUP_RESOURCES))),
    optional('namespaces', STRINGS),
    optional('nonResourceURLs', STRINGS),
    optional('omitStages', STRINGS),
    pointer('omitManagedFields', BOOL),
  ],
  AT,
);

/** Made when a policy is read: few servers have one. */
export function policyType(): TypeSchema {
  return struct(
    'Policy',
    [
      ...TYPE_META,
      optional('metadata', object(typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'))),
      always('rules', list(object(POLICY_RULE))),
      optional('omitStages', STRINGS),
      optional('omitManagedFields', BOOL),
    ],
    AT,
  );
}
