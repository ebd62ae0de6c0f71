/** What writes cost quotas, by table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec, ResourceQuota, Service } from '#api/gen/core-v1.ts';
import type { KubeObject } from '../meta/object.ts';
import { type Demand, type Verdict, verdictOn } from './charge.ts';
import type { QuotaWorld, QuotaWrite } from './evaluator.ts';
import { evaluatorOf } from './evaluators.ts';

const WORLD: QuotaWorld = {
  nowMs: Date.UTC(2030, 0, 1),
  deviceClasses: () => [],
  pod: () => undefined,
  claims: () => [],
};

function quota(
  hard: Record<string, string>,
  used: Record<string, string>,
  change: ResourceQuota = {},
): ResourceQuota {
  return { metadata: { name: 'limit', uid: 'limit' }, ...change, status: { hard, used } };
}

function judge(
  resource: string,
  write: Partial<QuotaWrite>,
  quotas: readonly ResourceQuota[],
  charged?: Demand['charged'],
): Verdict {
  const evaluator = evaluatorOf({ group: '', resource });
  assert.ok(evaluator !== undefined);
  return verdictOn(
    quotas.map((each) => ({ quota: each, used: each.status?.used ?? {} })),
    {
      evaluator,
      world: WORLD,
      charged,
      write: { operation: 'CREATE', subresource: '', object: {}, ...write },
    },
  );
}

/** Amounts by the name of the quota, or the message. */
function told(verdict: Verdict): unknown {
  if ('failed' in verdict) return verdict.failed;
  return 'refused' in verdict
    ? verdict.refused
    : Object.fromEntries(
        verdict.charges.map((charge) => [charge.quota.metadata?.name, charge.amounts]),
      );
}

function pod(change: Partial<PodSpec> = {}, cpu = '100m'): Pod {
  const main = { name: 'main', resources: { requests: { cpu } } };
  return { metadata: { name: 'web' }, spec: { containers: [main], ...change } };
}

const service = (type: 'ClusterIP' | 'NodePort' | 'LoadBalancer'): Service => ({
  metadata: { name: 'web' },
  spec: { type, ports: [{ port: 80 }] },
});

describe('the charge of a creation', () => {
  it('is what it uses of what the quota limits', () => {
    const limits = quota(
      { pods: '5', 'requests.cpu': '1', secrets: '5' },
      { pods: '0', 'requests.cpu': '0', secrets: '0' },
    );
    const verdict = judge('pods', { object: pod() }, [limits]);
    assert.deepEqual(told(verdict), { limit: { pods: '1', 'requests.cpu': '100m' } });
  });

  it('fits exactly, and not beyond', () => {
    const limits = (used: string) => quota({ 'requests.cpu': '1' }, { 'requests.cpu': used });
    assert.deepEqual(told(judge('pods', { object: pod() }, [limits('900m')])), {
      limit: { 'requests.cpu': '100m' },
    });
    assert.equal(
      told(judge('pods', { object: pod() }, [limits('901m')])),
      'exceeded quota: limit, requested: requests.cpu=100m, used: requests.cpu=901m, limited: requests.cpu=1',
    );
  });

  it('is refused with each limit that it exceeds, in order, and no other', () => {
    const hard = { pods: '1', 'requests.cpu': '1000m', 'count/pods': '9', cpu: '50m' };
    const used = { pods: '1', 'requests.cpu': '950m', 'count/pods': '1', cpu: '0' };
    assert.equal(
      told(judge('pods', { object: pod() }, [quota(hard, used)])),
      'exceeded quota: limit, requested: cpu=100m,pods=1,requests.cpu=100m, used: cpu=0,pods=1,requests.cpu=950m, limited: cpu=50m,pods=1,requests.cpu=1',
    );
  });

  it('is nothing where no quota limits it', () => {
    for (const quotas of [
      [],
      [quota({ secrets: '1' }, { secrets: '1' })],
      [{ metadata: { name: 'new' }, spec: { hard: { pods: '0' } } }],
    ])
      assert.deepEqual(told(judge('pods', { object: pod() }, quotas)), {});
  });

  it('is to all quotas that it is in the scopes of', () => {
    const scoped = (name: string, scope: 'BestEffort' | 'NotBestEffort') =>
      quota(
        { pods: '5' },
        { pods: '0' },
        { metadata: { name, uid: name }, spec: { scopes: [scope] } },
      );
    const quotas = [
      quota({ pods: '5' }, { pods: '0' }),
      scoped('best', 'BestEffort'),
      scoped('other', 'NotBestEffort'),
    ];
    assert.deepEqual(told(judge('pods', { object: pod() }, quotas)), {
      limit: { pods: '1' },
      other: { pods: '1' },
    });
  });

  it('is refused while nobody has counted', () => {
    const limits = quota(
      { pods: '5', 'count/pods': '5', secrets: '1' },
      { pods: '0', secrets: '0' },
    );
    assert.equal(
      told(judge('pods', { object: pod() }, [limits])),
      'status unknown for quota: limit, resources: count/pods,pods',
    );
    assert.deepEqual(told(judge('secrets', {}, [limits])), { limit: { secrets: '1' } });
  });

  it('is refused where a Pod does not say what is limited', () => {
    const zero = (names: string[]) => Object.fromEntries(names.map((name) => [name, '0']));
    const demand = (names: string[], change: Partial<PodSpec>) => {
      const hard = Object.fromEntries(names.map((name) => [name, '9']));
      return told(judge('pods', { object: pod(change) }, [quota(hard, zero(names))]));
    };
    const names = ['limits.memory', 'requests.cpu', 'memory', 'requests.ephemeral-storage'];
    const containers = [{ name: 'b', resources: { requests: { cpu: '1' } } }, { name: 'a' }];
    assert.equal(
      demand(names, { containers, initContainers: [{ name: 'c' }] }),
      'failed quota: limit: must specify limits.memory for: a,b,c; memory for: a,b,c; requests.cpu for: a,c',
    );
    assert.deepEqual(demand(['requests.ephemeral-storage'], { containers }), {});
    const resources = { requests: { cpu: '2' } };
    assert.deepEqual(demand(['requests.cpu', 'limits.memory'], { containers, resources }), {
      limit: { 'requests.cpu': '2' },
    });
  });

  it('is refused where it would give something back', () => {
    assert.equal(
      told(judge('pods', { object: pod({}, '-1') }, [quota({ pods: '5' }, { pods: '0' })])),
      'quota usage is negative for resource(s): cpu,requests.cpu',
    );
  });

  it('is only the rest of what it has not been charged before', () => {
    const hard = { pods: '1', 'requests.cpu': '1' };
    const limits = quota(hard, hard);
    const charged = new Map([['limit', { pods: '1', 'requests.cpu': '100m' }]]);
    assert.deepEqual(told(judge('pods', { object: pod() }, [limits], charged)), {});
    const used = { pods: '1', 'requests.cpu': '100m' };
    assert.deepEqual(
      told(judge('pods', { object: pod({}, '300m') }, [quota(hard, used)], charged)),
      {
        limit: { 'requests.cpu': '200m' },
      },
    );
  });
});

describe('the charge of an update', () => {
  const ports = { 'services.nodeports': '1', 'services.loadbalancers': '0', services: '1' };
  const full = quota({ ...ports, services: '0' }, ports);

  it('is what it uses more than before', () => {
    const update = (from: Service, to: Service, limits: ResourceQuota) =>
      told(judge('services', { operation: 'UPDATE', object: to, old: from }, [limits]));
    const room = quota({ ...ports, 'services.nodeports': '9' }, ports);
    assert.deepEqual(update(service('ClusterIP'), service('NodePort'), room), {
      limit: { 'services.nodeports': '1' },
    });
    assert.equal(
      update(service('NodePort'), service('LoadBalancer'), full),
      'exceeded quota: limit, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
    );
    assert.deepEqual(update(service('LoadBalancer'), service('ClusterIP'), full), {});
    assert.deepEqual(update(service('NodePort'), service('NodePort'), full), {});
  });

  it('is the whole where the object was not in the scope before', () => {
    const limits = quota(
      { pods: '1' },
      { pods: '0' },
      { metadata: { name: 'limit' }, spec: { scopes: ['Terminating'] } },
    );
    const object = pod({ activeDeadlineSeconds: 5 });
    const write = { operation: 'UPDATE', object, old: pod() } as const;
    assert.deepEqual(told(judge('pods', write, [limits])), { limit: { pods: '1' } });
  });

  it('is never refused in a status', () => {
    const claim = (allocated: string): KubeObject =>
      ({
        metadata: { name: 'data' },
        spec: { resources: { requests: { storage: '1Gi' } } },
        status: { allocatedResources: { storage: allocated } },
      }) as KubeObject;
    const limits = quota({ 'requests.storage': '1Gi' }, { 'requests.storage': '1Gi' });
    const write = {
      operation: 'UPDATE',
      subresource: 'status',
      object: claim('3Gi'),
      old: claim('1Gi'),
    } as const;
    assert.deepEqual(told(judge('persistentvolumeclaims', write, [limits])), {
      limit: { 'requests.storage': '2Gi' },
    });
  });
});

describe('what is charged', () => {
  const ends = pod({ activeDeadlineSeconds: 5 });
  const tables: [resource: string, write: Partial<QuotaWrite>, expected: boolean][] = [
    ['pods', {}, true],
    ['pods', { subresource: 'resize', operation: 'UPDATE', object: pod(), old: pod() }, true],
    ['pods', { subresource: 'eviction' }, false],
    ['pods', { subresource: 'status', operation: 'UPDATE', object: pod(), old: pod() }, false],
    ['pods', { operation: 'UPDATE', object: pod(), old: pod() }, false],
    ['pods', { operation: 'UPDATE', object: ends, old: pod() }, true],
    ['services', { operation: 'UPDATE' }, true],
    ['services', { operation: 'UPDATE', subresource: 'status' }, false],
    ['persistentvolumeclaims', {}, true],
    ['persistentvolumeclaims', { operation: 'UPDATE' }, true],
    ['persistentvolumeclaims', { operation: 'UPDATE', subresource: 'status' }, true],
    ['resourceclaims.resource.k8s.io', { operation: 'UPDATE' }, true],
    ['resourceclaims.resource.k8s.io', { operation: 'UPDATE', subresource: 'status' }, false],
    ['drinks.example.com', {}, true],
    ['drinks.example.com', { operation: 'UPDATE' }, false],
    ['serviceaccounts', { subresource: 'token' }, false],
    ['events', {}, false],
    ['localsubjectaccessreviews.authorization.k8s.io', {}, false],
  ];
  for (const [name, write, expected] of tables) {
    const [resource = '', ...group] = name.split('.');
    const { operation = 'CREATE', subresource = '', object = {} } = write;
    it(`${expected ? 'is' : 'is not'} ${operation} of ${name} ${subresource} ${JSON.stringify(object)}`, () => {
      const evaluator = evaluatorOf({ group: group.join('.'), resource });
      assert.equal(
        evaluator?.charges({ ...write, operation, subresource, object }) ?? false,
        expected,
      );
    });
  }
});
