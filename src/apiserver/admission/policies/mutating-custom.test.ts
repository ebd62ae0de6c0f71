/** Mutating policies of custom resources, and the gate that switches them off. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { type Json, CONFIGURATIONS } from '#kit/webhook-server.ts';
import { apply, patch, PolicyServer, rule } from '#kit/policy-server.ts';

const GROUP = 'example.com';
const DRINKS = `/apis/${GROUP}/v1/namespaces/default/drinks`;
const ON_DRINKS = { matchConstraints: { resourceRules: [rule('drinks', GROUP)] } };
const MAPS = '/api/v1/namespaces/default/configmaps';

const SPEC = {
  type: 'object',
  properties: {
    size: { type: 'integer', maximum: 5 },
    cup: { type: 'string', default: 'paper' },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    parts: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string' },
          parts: { type: 'integer' },
          unit: { type: 'string', default: 'ml' },
        },
      },
    },
  },
};

async function serving(): Promise<PolicyServer> {
  const policies = await PolicyServer.start();
  const { api } = policies;
  await api.must('POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `drinks.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'drinks', singular: 'drink', kind: 'Drink', listKind: 'DrinkList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: SPEC } } },
        },
      ],
    },
  });
  await api.environment.advance(10_000);
  return policies;
}

const drink = (name: string, spec: object): object => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Drink',
  metadata: { name },
  spec,
});

describe('a mutating policy of a custom resource', () => {
  it('applies by the schema: maps of lists merge, sets join, defaults come after', async () => {
    const policies = await serving();
    await policies.mutating('p', {
      ...ON_DRINKS,
      mutations: [
        apply(`Object{
          metadata: Object.metadata{labels: {"seen": "yes"}},
          spec: Object.spec{
            tags: ["hot"],
            parts: [Object.spec.parts{name: "milk", parts: 2}]}}`),
      ],
    });
    const { api } = policies;
    const asked = {
      tags: ['new'],
      parts: [
        { name: 'tea', parts: 9 },
        { name: 'milk', parts: 1 },
      ],
    };
    const { metadata, spec } = await api.must(`POST ${DRINKS}`, drink('tea', asked));
    assert.deepEqual(metadata.labels, { seen: 'yes' });
    assert.deepEqual(spec, {
      cup: 'paper',
      tags: ['new', 'hot'],
      parts: [
        { name: 'tea', parts: 9, unit: 'ml' },
        { name: 'milk', parts: 2, unit: 'ml' },
      ],
    });
    assert.deepEqual((await api.must(`GET ${DRINKS}/tea`)).spec, spec);
  });

  it('patches, by what the object has and on updates too', async () => {
    const policies = await serving();
    await policies.mutating('p', {
      ...ON_DRINKS,
      matchConditions: [{ name: 'big', expression: 'object.spec.?size.orValue(0) > 3' }],
      mutations: [
        patch(
          '[JSONPatch{op: "replace", path: "/spec/size", value: object.spec.size - 1}, JSONPatch{op: "add", path: "/spec/cup", value: "glass"}]',
        ),
      ],
    });
    const { api } = policies;
    const cupOf = async (request: string, spec: object): Promise<Json> => {
      const { size, cup } = (await api.must(request, drink('a', spec))).spec;
      return [size, cup];
    };
    assert.deepEqual(await cupOf(`POST ${DRINKS}`, { size: 3 }), [3, 'paper']);
    assert.deepEqual(await cupOf(`PATCH ${DRINKS}/a`, { size: 5 }), [4, 'glass']);
  });

  it('makes nothing that the schema forbids, and drops what it does not know', async () => {
    const policies = await serving();
    await policies.mutating('p', {
      ...ON_DRINKS,
      mutations: [
        patch(
          'object.metadata.name == "huge" ? [JSONPatch{op: "add", path: "/spec/size", value: 9}] : [JSONPatch{op: "add", path: "/spec/sugar", value: 1}]',
        ),
      ],
    });
    const { api } = policies;
    assert.match(
      await api.refusal(`POST ${DRINKS}`, drink('huge', {})),
      /^422 Drink\.example\.com "huge" is invalid: spec\.size: Invalid value: 9/,
    );
    assert.deepEqual((await api.must(`POST ${DRINKS}`, drink('plain', {}))).spec, { cup: 'paper' });
  });

  it('with a field that the schema does not have, refuses the write', async () => {
    const policies = await serving();
    await policies.mutating('p', {
      ...ON_DRINKS,
      failurePolicy: 'Fail',
      mutations: [apply('Object{spec: Object.spec{sugar: 1}}')],
    });
    assert.match(await policies.api.refusal(`POST ${DRINKS}`, drink('a', {})), /^\d+ .*sugar/);
  });
});

describe('the gate MutatingAdmissionPolicy', () => {
  const marked = async (isOn: boolean): Promise<{ marked: boolean; served: boolean }> => {
    const featureGates = new FeatureGates(new Map([['MutatingAdmissionPolicy', isOn]]));
    const policies = await PolicyServer.start({ featureGates });
    const { api } = policies;
    await policies.mutating('p', { mutations: [apply('Object{data: {"mark": "yes"}}')] });
    const { data = {} } = await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const { resources } = await api.must(`GET ${CONFIGURATIONS}`);
    return {
      marked: data.mark === 'yes',
      served: resources.some(({ name }: Json) => name === 'mutatingadmissionpolicies'),
    };
  };

  it('off, leaves policies in the store alone, as upstream does', async () => {
    assert.deepEqual(await marked(false), {
      marked: false,
      served: true,
    });
    assert.deepEqual(await marked(true), { marked: true, served: true });
  });
});
