/** Policies that are written for one version of a kind, and requests that come in another. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { PolicyServer, rule } from '#kit/policy-server.ts';

const SCALERS = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
/** They know the processor in one field of its own, version 2 in a list. */
const ON_FIRST = { resourceRules: [rule('horizontalpodautoscalers', 'autoscaling')] };
const EXACTLY = { ...ON_FIRST, matchPolicy: 'Exact' };

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
});

const scaler = (percent: number, name = 's'): object => ({
  metadata: { name },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
    maxReplicas: 3,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
      },
    ],
  },
});

async function percentOf(request: string, body: object): Promise<number> {
  const { spec } = await api.must(request, body);
  return spec.metrics[0].resource.target.averageUtilization;
}

describe('a validating policy of one version', () => {
  const spec = {
    validations: [
      {
        expression: 'object.spec.targetCPUUtilizationPercentage < 60',
        messageExpression: 'string(object.spec.targetCPUUtilizationPercentage) + object.apiVersion',
      },
      {
        expression: 'oldObject == null || oldObject.spec.targetCPUUtilizationPercentage > 20',
        message: 'was too low',
      },
      {
        expression:
          "request.kind.version == 'v1' && request.resource.version == 'v1' && request.requestKind.version == 'v2' && request.requestResource.version == 'v2'",
      },
    ],
  };

  it('sees objects as they are in that version, and is told what was asked', async () => {
    await policies.validating('p', { ...spec, matchConstraints: ON_FIRST });
    await api.must(`POST ${SCALERS}`, scaler(30));
    assert.match(await api.refusal(`PUT ${SCALERS}/s`, scaler(80)), /^422 .*: 80autoscaling\/v1$/);
    await api.must(`PUT ${SCALERS}/s`, scaler(20));
    assert.match(await api.refusal(`PUT ${SCALERS}/s`, scaler(30)), /: was too low$/);
  });

  it('is not asked of the others where it wants it exactly', async () => {
    await policies.validating('p', { ...spec, matchConstraints: EXACTLY });
    await api.must(`POST ${SCALERS}`, scaler(80));
  });

  it('is asked of them only by bindings that do not want it exactly', async () => {
    const bindings = { b: { matchResources: EXACTLY } };
    await policies.validating('p', { ...spec, matchConstraints: ON_FIRST }, bindings);
    await api.must(`POST ${SCALERS}`, scaler(80));
    await policies.validating('q', { ...spec, matchConstraints: ON_FIRST }, { c: {} });
    assert.match(await api.refusal(`POST ${SCALERS}`, scaler(80, 't')), /'q' with binding 'c'/);
  });
});

describe('a mutating policy of one version', () => {
  const add = (version: string, field: string, value: string): object => ({
    matchConstraints: {
      resourceRules: [rule('horizontalpodautoscalers', 'autoscaling', { apiVersions: [version] })],
    },
    mutations: [
      {
        patchType: 'JSONPatch',
        jsonPatch: {
          expression: `[JSONPatch{op: "replace", path: "${field}", value: ${value}}]`,
        },
      },
    ],
  });
  const first = add(
    'v1',
    '/spec/targetCPUUtilizationPercentage',
    'object.spec.targetCPUUtilizationPercentage + 1',
  );
  const list = '/spec/metrics/0/resource/target/averageUtilization';
  const second = add('v2', list, 'object.spec.metrics[0].resource.target.averageUtilization * 2');

  it('changes objects as they are in that version', async () => {
    await policies.mutating('p', {
      matchConstraints: ON_FIRST,
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression:
              'Object{spec: Object.spec{targetCPUUtilizationPercentage: object.spec.targetCPUUtilizationPercentage + 1}}',
          },
        },
      ],
    });
    assert.equal(await percentOf(`POST ${SCALERS}`, scaler(30)), 31);
  });

  it('goes on from what those of other versions have made', async () => {
    await policies.mutating('a', first, { a: {} });
    await policies.mutating('b', second, { b: {} });
    await policies.mutating('c', first, { c: {} });
    assert.equal(await percentOf(`POST ${SCALERS}`, scaler(30)), 63);
    assert.equal(await percentOf(`GET ${SCALERS}/s`, {}), 63);
  });

  it('changes nothing of the others where it wants it exactly', async () => {
    await policies.mutating('p', { ...first, matchConstraints: EXACTLY });
    assert.equal(await percentOf(`POST ${SCALERS}`, scaler(30)), 30);
  });
});
