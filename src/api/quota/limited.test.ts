import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from '#api/gen/core-v1.ts';
import { verdictOn } from './charge.ts';
import type { QuotaWrite } from './evaluator.ts';
import { evaluatorOf } from './evaluators.ts';
import type { LimitedResource } from './limited.ts';

const WORLD = { nowMs: 0, deviceClasses: () => [], pod: () => undefined, claims: () => [] };

function pod(cpu: string | undefined, priorityClassName = ''): Pod {
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu } } };
  return {
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'a', ...resources }], priorityClassName },
  };
}

function quota(
  hard: Record<string, string>,
  scopes: ScopedResourceSelectorRequirement[] = [],
): ResourceQuota {
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  return {
    metadata: { name: 'q', uid: 'q' },
    spec: { hard, scopeSelector: { matchExpressions: scopes } },
    status: { hard, used },
  };
}

const inClass = (...values: string[]): ScopedResourceSelectorRequirement => ({
  scopeName: 'PriorityClass',
  operator: 'In',
  values,
});

function limit(change: Partial<LimitedResource>): LimitedResource {
  return { apiGroup: '', resource: 'pods', matchContains: [], matchScopes: [], ...change };
}

/** `fine`, or what is against it. */
function judge(
  limited: readonly LimitedResource[],
  quotas: readonly ResourceQuota[],
  write: Partial<QuotaWrite> & { resource?: string },
): string {
  const evaluator = evaluatorOf({ group: '', resource: write.resource ?? 'pods' });
  assert.ok(evaluator !== undefined);
  const verdict = verdictOn(
    quotas.map((each) => ({ quota: each, used: each.status?.used ?? {} })),
    {
      evaluator,
      world: WORLD,
      limited,
      write: { operation: 'CREATE', subresource: '', object: {}, ...write },
    },
  );
  if ('failed' in verdict) return `failed: ${verdict.failed}`;
  return 'refused' in verdict ? verdict.refused : 'fine';
}

describe('limited resources', () => {
  const cpu = [limit({ matchContains: ['cpu', 'x'] })];
  const without = 'insufficient quota to consume: cpu,requests.cpu';

  it('are not used without a quota that covers them', () => {
    assert.equal(judge(cpu, [], { object: pod('1') }), without);
    assert.equal(judge(cpu, [], { object: pod(undefined) }), 'fine');
    assert.equal(judge(cpu, [], { object: pod('0') }), 'fine');
    assert.equal(judge([], [], { object: pod('1') }), 'fine');
    assert.equal(judge(cpu, [quota({ pods: '5' })], { object: pod('1') }), without);
    assert.equal(
      judge(cpu, [quota({ cpu: '5' })], { object: pod('1') }),
      'insufficient quota to consume: requests.cpu',
    );
    assert.equal(
      judge(cpu, [quota({ cpu: '5' }), quota({ 'requests.cpu': '5' })], { object: pod('1') }),
      'fine',
    );
    const elsewhere = quota({ cpu: '5', 'requests.cpu': '5' }, [inClass('high')]);
    assert.equal(judge(cpu, [elsewhere], { object: pod('1') }), without);
  });

  it('are of one resource', () => {
    assert.equal(
      judge([limit({ resource: 'services', matchContains: ['cpu'] })], [], { object: pod('1') }),
      'fine',
    );
    assert.equal(
      judge([limit({ apiGroup: 'apps', matchContains: ['cpu'] })], [], { object: pod('1') }),
      'fine',
    );
    const services = [limit({ resource: 'services', matchContains: ['loadbalancers'] })];
    const service = (type: 'ClusterIP' | 'LoadBalancer'): Service => ({
      spec: { type, ports: [{ port: 80 }] },
    });
    assert.equal(
      judge(services, [], { resource: 'services', object: service('LoadBalancer') }),
      'insufficient quota to consume: services.loadbalancers',
    );
    assert.equal(
      judge(services, [], { resource: 'services', object: service('ClusterIP') }),
      'fine',
    );
  });

  it('are looked at in an update that uses more', () => {
    const update = (next: Pod, old: Pod): string =>
      judge(cpu, [], { operation: 'UPDATE', subresource: 'resize', object: next, old });
    assert.equal(update(pod('2'), pod('1')), without);
    assert.equal(update(pod('1'), pod('1')), 'fine');
    assert.equal(update(pod('1'), pod('2')), 'fine');
    const full = quota({ pods: '5' });
    assert.equal(
      judge(cpu, [full], {
        operation: 'UPDATE',
        subresource: 'resize',
        object: pod('2'),
        old: pod('1'),
      }),
      without,
    );
  });
});

describe('limited scopes', () => {
  const limited = [limit({ matchScopes: [inClass('high', 'top')] })];
  const failed =
    'failed: insufficient quota to match these scopes: [{PriorityClass In [high top]}]';

  it('have no object without a quota that selects the scope', () => {
    assert.equal(judge(limited, [], { object: pod(undefined, 'high') }), failed);
    assert.equal(judge(limited, [], { object: pod(undefined, 'low') }), 'fine');
    assert.equal(
      judge(limited, [quota({ pods: '5' })], { object: pod(undefined, 'high') }),
      failed,
    );
    assert.equal(
      judge(limited, [quota({ pods: '5' }, [inClass('low')])], { object: pod(undefined, 'high') }),
      failed,
    );
    assert.equal(
      judge(limited, [quota({ pods: '5' }, [inClass('high')])], { object: pod(undefined, 'high') }),
      'fine',
    );
  });

  it('are looked at when an update brings the object into a quota', () => {
    const fast = (activeDeadlineSeconds?: number): Pod => {
      const made = pod(undefined, 'high');
      const more = activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds };
      return { ...made, spec: { ...made.spec, containers: [], ...more } };
    };
    const ending = quota({ pods: '5' }, [{ scopeName: 'Terminating', operator: 'Exists' }]);
    const update = (old: Pod) =>
      judge(limited, [ending], { operation: 'UPDATE', object: fast(5), old });
    assert.equal(update(fast()), failed);
    assert.equal(update(fast(6)), 'fine');
  });

  it('come after limited names', () => {
    const both = [limit({ matchContains: ['cpu'], matchScopes: [inClass('high')] })];
    assert.equal(
      judge(both, [], { object: pod('1', 'high') }),
      'insufficient quota to consume: cpu,requests.cpu',
    );
  });
});
