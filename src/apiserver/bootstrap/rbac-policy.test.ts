import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import type { ClusterRole } from '#api/gen/rbac-v1.ts';
import { aggregatedRules } from '#api/rbac/aggregation.ts';
import { parseRules } from './rbac/rule-text.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { rbacPolicy } from './rbac-policy.ts';

interface Named {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

const shared = process.env['COXSWAIN_SHARED'];

function golden(file: string): Named[] {
  const text = readFileSync(join(shared ?? '', 'golden/rbac', `${file}.yaml`), 'utf8');
  return (load(text) as { items: Named[] }).items;
}

function byName(items: readonly object[]): Record<string, unknown> {
  return Object.fromEntries(
    items.map((item) => {
      const { namespace = '', name = '' } = (item as Named).metadata ?? {};
      return [`${namespace}/${name}`, normal(item)];
    }),
  );
}

/** Without the rules that aggregation gives, and with no subjects as none. */
function normal(item: object): object {
  const { rules, aggregationRule, ...rest } = item as Partial<ClusterRole>;
  if (aggregationRule !== undefined) return { ...rest, aggregationRule };
  if (rules !== undefined) return { ...rest, rules };
  return { ...rest, subjects: (rest as { subjects?: object[] }).subjects ?? [] };
}

describe('RBAC bootstrap policy', {
  skip: shared === undefined ? 'COXSWAIN_SHARED is not set' : false,
}, () => {
  const policy = rbacPolicy(new FeatureGates());
  const isController = ({ metadata }: Named): boolean =>
    metadata?.name?.startsWith('system:controller:') === true;

  it('has the cluster roles of upstream', () => {
    const ours = policy.clusterRoles.filter((role) => !isController(role));
    assert.deepEqual(byName(ours), byName(golden('cluster-roles')));
  });

  it('has the cluster role bindings of upstream', () => {
    const ours = policy.clusterRoleBindings.filter((binding) => !isController(binding));
    assert.deepEqual(byName(ours), byName(golden('cluster-role-bindings')));
  });

  it('has the roles of controllers', () => {
    assert.deepEqual(
      byName(policy.clusterRoles.filter(isController)),
      byName(golden('controller-roles')),
    );
  });

  it('binds the roles of controllers to their service accounts', () => {
    assert.deepEqual(
      byName(policy.clusterRoleBindings.filter(isController)),
      byName(golden('controller-role-bindings')),
    );
  });

  it('has the roles in namespaces', () => {
    assert.deepEqual(byName(policy.roles), byName(golden('namespace-roles')));
  });

  it('has the bindings in namespaces', () => {
    assert.deepEqual(byName(policy.roleBindings), byName(golden('namespace-role-bindings')));
  });
});

describe('aggregated cluster roles', () => {
  const { clusterRoles } = rbacPolicy(new FeatureGates());
  const rulesOf = (name: string) =>
    clusterRoles.find((role) => role.metadata?.name === name)?.rules ?? [];

  it('view has the rules of its part', () => {
    assert.deepEqual(rulesOf('view'), rulesOf('system:aggregate-to-view'));
  });

  it('edit has its own rules and those of view', () => {
    assert.deepEqual(rulesOf('edit'), [...rulesOf('system:aggregate-to-edit'), ...rulesOf('view')]);
  });

  it('admin has all of edit', () => {
    for (const rule of rulesOf('edit'))
      assert.ok(rulesOf('admin').some((own) => JSON.stringify(own) === JSON.stringify(rule)));
  });

  it('does not gather itself, and takes equal rules once', () => {
    const rules = parseRules('get: pods');
    const labels = { part: 'yes' };
    const role: ClusterRole = {
      metadata: { name: 'all', labels },
      rules: parseRules('get: secrets'),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: labels }] },
    };
    const parts = ['b', 'a'].map((name): ClusterRole => ({ metadata: { name, labels }, rules }));
    assert.deepEqual(aggregatedRules(role, [role, ...parts]), rules);
  });
});

describe('rule text', () => {
  it('reads groups, names, paths and continued lines', () => {
    assert.deepEqual(
      parseRules(`
        update: configmaps [a b]
        create patch: events @
            core events.k8s.io
        get: /healthz /livez
        *: url *
      `),
      [
        {
          verbs: ['update'],
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: ['a', 'b'],
        },
        { verbs: ['create', 'patch'], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
        { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ],
    );
  });
});

describe('the role of a controller behind a gate', () => {
  const NAME = 'system:controller:storage-version-migrator-controller';
  const named = ({ metadata }: Named): boolean => metadata?.name === NAME;

  it('is there, and bound, where the gate is on', () => {
    const policy = rbacPolicy(new FeatureGates(parseFeatureGates('StorageVersionMigrator=true')));
    assert.deepEqual(policy.clusterRoles.find(named)?.rules, [
      { verbs: ['create', 'list', 'patch'], apiGroups: ['*'], resources: ['*'] },
      {
        verbs: ['get'],
        apiGroups: ['apiextensions.k8s.io'],
        resources: ['customresourcedefinitions'],
      },
      {
        verbs: ['patch'],
        apiGroups: ['apiextensions.k8s.io'],
        resources: ['customresourcedefinitions/status'],
      },
      {
        verbs: ['update'],
        apiGroups: ['storagemigration.k8s.io'],
        resources: ['storageversionmigrations/status'],
      },
    ]);
    const bound = policy.clusterRoleBindings.find(named)?.subjects;
    assert.deepEqual(
      bound?.map(({ name }) => name),
      ['storage-version-migrator-controller'],
    );
  });

  it('is not where it is off', () => {
    const policy = rbacPolicy(new FeatureGates());
    assert.equal(policy.clusterRoles.some(named), false);
    assert.equal(policy.clusterRoleBindings.some(named), false);
  });
});

describe('the roles of controllers behind other gates', () => {
  const READ = 'get list watch';
  /** Verbs and resources, without the right to report events. */
  const ROLES: readonly [gate: string, role: string, rules: readonly string[]][] = [
    [
      'ClusterTrustBundle',
      'kube-apiserver-serving-clustertrustbundle-publisher',
      [
        'attest signers kubernetes.io/kube-apiserver-serving',
        'create delete list update watch clustertrustbundles',
      ],
    ],
    [
      'DRAResourcePoolStatus',
      'resourcepoolstatusrequest-controller',
      [
        'delete get list watch resourcepoolstatusrequests',
        'patch update resourcepoolstatusrequests/status',
        `${READ} resourceslices`,
        `${READ} resourceclaims`,
      ],
    ],
    [
      'GenericWorkload',
      'podgroup-protection-controller',
      ['get list update watch podgroups', `${READ} pods`],
    ],
    [
      'PodCertificateRequest',
      'podcertificaterequestcleaner',
      ['delete get list watch podcertificaterequests'],
    ],
    [
      'StorageVersionAPI',
      'storage-version-garbage-collector',
      [
        `${READ} leases`,
        'delete get list patch update watch storageversions',
        'get patch update storageversions/status',
      ],
    ],
  ];
  for (const [gate, role, rules] of ROLES)
    it(`is there for ${role} where ${gate} is on, and not where it is off`, () => {
      const rulesWith = (text: string): string[] | undefined =>
        rbacPolicy(new FeatureGates(parseFeatureGates(text), 'kube-controller-manager'))
          .clusterRoles.find(({ metadata }) => metadata?.name === `system:controller:${role}`)
          ?.rules?.filter(({ resources }) => resources?.includes('events') !== true)
          .map(({ verbs, resources = [], resourceNames = [] }) =>
            [...verbs, ...resources, ...resourceNames].join(' '),
          );
      assert.deepEqual(rulesWith(`${gate}=true`), rules);
      assert.equal(rulesWith(''), undefined);
    });
});

describe('what a gate adds to roles', () => {
  const rulesOf = (gates: string, role: string): string[] =>
    (
      rbacPolicy(new FeatureGates(parseFeatureGates(gates))).clusterRoles.find(
        ({ metadata }) => metadata?.name === role,
      )?.rules ?? []
    )
      .filter(({ apiGroups }) => apiGroups?.includes('scheduling.k8s.io'))
      .map(({ verbs, resources }) => `${verbs.join()} ${resources?.join()}`);
  const ON = 'GenericWorkload=true';
  const read = 'get,list,watch';
  const write = 'create,delete,deletecollection,patch,update';

  it('is there where the gate is on, and in the roles that gather them', () => {
    assert.deepEqual(rulesOf(ON, 'system:kube-scheduler'), [
      `${read} podgroups`,
      'patch,update podgroups/status',
    ]);
    assert.deepEqual(rulesOf(ON, 'view'), [`${read} podgroups,podgroups/status,workloads`]);
    assert.ok(rulesOf(ON, 'admin').includes(`${write} podgroups,workloads`));
  });

  it('is not where it is off', () => {
    for (const role of ['system:kube-scheduler', 'view', 'edit'])
      assert.deepEqual(rulesOf('', role), []);
  });

  it('lets nodes and service accounts read trust bundles, and nodes ask for certificates', () => {
    const policy = (gates: string) => rbacPolicy(new FeatureGates(parseFeatureGates(gates)));
    const rules = (gates: string, role: string) =>
      policy(gates)
        .clusterRoles.find(({ metadata }) => metadata?.name === role)
        ?.rules?.filter(({ apiGroups }) => apiGroups?.includes('certificates.k8s.io'))
        .map(({ verbs, resources }) => `${verbs.join()} ${resources?.join()}`)
        .filter((text) => !text.includes('signing'));
    const DISCOVERY = 'system:cluster-trust-bundle-discovery';
    const bound = (gates: string) =>
      policy(gates).clusterRoleBindings.find(({ metadata }) => metadata?.name === DISCOVERY);
    assert.deepEqual(rules('ClusterTrustBundle=true', 'system:node'), [
      `${read} clustertrustbundles`,
    ]);
    assert.deepEqual(rules('ClusterTrustBundle=true', DISCOVERY), [`${read} clustertrustbundles`]);
    assert.deepEqual(bound('ClusterTrustBundle=true')?.subjects, [
      { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts' },
    ]);
    assert.deepEqual(rules('PodCertificateRequest=true', 'system:node'), [
      'create,get,list,watch podcertificaterequests',
    ]);
    assert.deepEqual(rules('', 'system:node'), []);
    assert.equal(rules('', DISCOVERY), undefined);
    assert.equal(bound(''), undefined);
  });
});
