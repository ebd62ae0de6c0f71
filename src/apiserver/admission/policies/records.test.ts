/** What audit log and metrics are told of policies, and waiting for the authorizer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { AdmissionBench } from '#kit/admission.ts';
import { AuditedServer } from '#kit/audit.ts';
import { countsOf } from '#kit/metrics.ts';
import { PolicyServer } from '#kit/policy-server.ts';
import { AdmissionMetrics } from '../../metrics/admission-metrics.ts';
import { MutatingPolicyMetrics, ValidatingPolicyMetrics } from '../../metrics/policy-metrics.ts';
import { type Ask, RequestDecisions } from '../matching/authorizer.ts';
import { viewOf } from '../matching/request.ts';
import { Validator } from './validator.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = (data: object, name = 'm'): object => ({ metadata: { name }, data });

describe('audit events', () => {
  const ownOf = (annotations: Readonly<Record<string, string>> = {}) =>
    Object.entries(annotations).filter(([key]) => !key.startsWith('authorization.k8s.io/'));

  it('tell of failed validations where the binding says so', async () => {
    const audited = await AuditedServer.start([{ level: 'Metadata' }]);
    await new PolicyServer(audited.api).validating(
      'p',
      {
        validations: [
          { expression: 'true' },
          { expression: "object.data.a != 'b'", message: 'no b' },
        ],
      },
      { b: { validationActions: ['Audit', 'Warn'] } },
    );
    const events = await audited.of(`POST ${MAPS}`, map({ a: 'b' }));
    assert.deepEqual(ownOf(events.at(-1)?.['annotations']), [
      [
        'validation.policy.admission.k8s.io/validation_failure',
        '[{"message":"no b","policy":"p","binding":"b","expressionIndex":1,"validationActions":["Audit","Warn"]}]',
      ],
    ]);
    const [passed] = (await audited.of(`POST ${MAPS}`, map({ a: 'c' }, 'n'))).slice(-1);
    assert.deepEqual(ownOf(passed?.['annotations']), []);
  });

  it('tell of them where the request is refused for them too', async () => {
    const audited = await AuditedServer.start([{ level: 'Metadata' }]);
    await new PolicyServer(audited.api).validating(
      'p',
      { validations: [{ expression: 'false', message: 'no' }] },
      { b: { validationActions: ['Deny', 'Audit'] } },
    );
    const [event] = (await audited.of(`POST ${MAPS}`, map({}))).slice(-1);
    assert.equal(event?.['responseStatus'].code, 422);
    assert.deepEqual(ownOf(event?.['annotations']), [
      [
        'validation.policy.admission.k8s.io/validation_failure',
        '[{"message":"no","policy":"p","binding":"b","expressionIndex":0,"validationActions":["Deny","Audit"]}]',
      ],
    ]);
  });

  it('have the annotations of policies, joined, cut, and without those that are empty', async () => {
    const audited = await AuditedServer.start([{ level: 'Metadata' }]);
    const policies = new PolicyServer(audited.api);
    await audited.api.must(`POST ${MAPS}`, { metadata: { name: 'one', labels: { p: 'p' } } });
    await audited.api.must(`POST ${MAPS}`, { metadata: { name: 'two', labels: { p: 'p' } } });
    const paramRef = { selector: { matchLabels: { p: 'p' } }, parameterNotFoundAction: 'Deny' };
    await policies.validating(
      'p.example.com',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        variables: [{ name: 'a', expression: "' ' + object.data.a + ' '" }],
        auditAnnotations: [
          { key: 'a', valueExpression: 'variables.a' },
          { key: 'by', valueExpression: 'string(params.metadata.name)' },
          { key: 'null', valueExpression: 'null' },
          { key: 'empty', valueExpression: "' '" },
        ],
      },
      { b: { paramRef }, c: { paramRef } },
    );
    const events = await audited.of(`POST ${MAPS}`, map({ a: 'x' }));
    assert.deepEqual(ownOf(events.at(-1)?.['annotations']), [
      ['p.example.com/a', 'x'],
      ['p.example.com/by', 'one, two'],
    ]);
    await policies.validating(
      'q',
      {
        auditAnnotations: [{ key: 'long', valueExpression: 'string(object.data.a)' }],
      },
      { d: {} },
    );
    const [event] = (await audited.of(`POST ${MAPS}`, map({ a: 'x'.repeat(20_000) }, 'n'))).slice(
      -1,
    );
    assert.equal(event?.['annotations']['q/long'].length, 10 * 1024);
  });
});

describe('annotations of a policy', () => {
  const told = async (spec: object, data: object, binding: object = {}) => {
    const audited = await AuditedServer.start([{ level: 'Metadata' }]);
    await new PolicyServer(audited.api).validating('p', spec, { b: binding });
    const [event] = (await audited.of(`POST ${MAPS}`, map(data))).slice(-1);
    const annotations: Readonly<Record<string, string>> = event?.['annotations'] ?? {};
    return { code: event?.['responseStatus'].code as number, value: annotations['p/k'] };
  };
  const annotated = (valueExpression: string): object => ({
    auditAnnotations: [{ key: 'k', valueExpression }],
  });

  it('are there of what is refused too', async () => {
    const spec = { ...annotated("'seen'"), validations: [{ expression: 'false' }] };
    assert.deepEqual(await told(spec, {}), { code: 422, value: 'seen' });
  });

  it('are cut by bytes', async () => {
    const { value } = await told(annotated('string(object.data.a)'), { a: 'é'.repeat(6000) });
    assert.equal(value, 'é'.repeat(5 * 1024));
  });

  it('that fail refuse, whatever the binding does, unless failures are ignored', async () => {
    const failing = annotated('string(object.none)');
    const binding = { validationActions: ['Warn'] };
    assert.deepEqual(await told(failing, {}, binding), { code: 422, value: undefined });
    const ignoring = { ...failing, failurePolicy: 'Ignore' };
    assert.deepEqual(await told(ignoring, {}, binding), { code: 201, value: undefined });
  });
});

describe('metrics of policies', () => {
  it('say what came of validations', () => {
    const registry = new MetricRegistry();
    const metrics = new ValidatingPolicyMetrics(registry);
    const labels = { policy: 'p', binding: 'b' };
    metrics.enforced(labels, 'deny', { message: 'no', tookMs: 5 });
    metrics.enforced(labels, 'warn', { message: 'compilation error: x', tookMs: 5 });
    metrics.enforced(labels, 'audit', {
      message: 'validation failed due to running out of cost budget, no further',
      tookMs: 5,
    });
    const line = (error: string, action: string): string =>
      `total{policy="p",policy_binding="b",error_type="${error}",enforcement_action="${action}"} 1`;
    assert.deepEqual(
      countsOf(registry, 'apiserver_validating_admission_policy_check_').filter((each) =>
        each.startsWith('total'),
      ),
      [
        line('compile_error', 'warn'),
        line('invalid_error', 'deny'),
        line('out_of_budget', 'audit'),
      ],
    );
  });

  it('say what came of mutations', () => {
    const registry = new MetricRegistry();
    const metrics = new MutatingPolicyMetrics(registry);
    metrics.mutated({ policy: 'p', binding: 'b' }, undefined, 1);
    metrics.mutated({ policy: 'p', binding: 'b' }, 'expression failed', 1);
    assert.deepEqual(countsOf(registry, 'apiserver_mutating_admission_policy_check_'), [
      'duration_seconds_count{policy="p",policy_binding="b",error_type="invalid_error"} 1',
      'duration_seconds_count{policy="p",policy_binding="b",error_type="no_error"} 1',
      'total{policy="p",policy_binding="b",error_type="invalid_error"} 1',
      'total{policy="p",policy_binding="b",error_type="no_error"} 1',
    ]);
  });

  it('are counted for each action of a binding, and for what is ignored', async () => {
    const policies = await PolicyServer.start();
    const { api } = policies;
    await policies.validating(
      'a',
      { validations: [{ expression: 'true' }, { expression: 'false' }] },
      {
        x: { validationActions: ['Warn', 'Audit'] },
      },
    );
    await policies.validating(
      'b',
      { validations: [{ expression: 'object.none == 1' }], failurePolicy: 'Ignore' },
      { y: {} },
    );
    const apply = 'Object{data: {"a": "b"}}';
    const mutations = [
      { patchType: 'ApplyConfiguration', applyConfiguration: { expression: apply } },
    ];
    await policies.mutating('m', { mutations }, { z: {} });
    await api.must(`POST ${MAPS}`, map({}));
    const { body } = await api.call('GET /metrics');
    const lines = String(body)
      .split('\n')
      .filter((line) => /^apiserver_(valid|mut)ating_admission_policy_check_total/.test(line));
    assert.deepEqual(
      lines.map((line) => line.replace(/^apiserver_|admission_policy_check_total/g, '')).toSorted(),
      [
        'mutating_{policy="m",policy_binding="z",error_type="no_error"} 1',
        'validating_{policy="a",policy_binding="x",error_type="invalid_error",enforcement_action="audit"} 1',
        'validating_{policy="a",policy_binding="x",error_type="invalid_error",enforcement_action="warn"} 1',
        'validating_{policy="b",policy_binding="y",error_type="invalid_error",enforcement_action="allow"} 1',
      ],
    );
  });
});

describe('an authorizer that has to be waited for', () => {
  async function validated(spec: ValidatingAdmissionPolicy['spec'], ask: Ask) {
    const bench = new AdmissionBench();
    const { clock } = bench.environment;
    const attributes = bench.attributes({ plural: 'pods', name: 'p' });
    const view = viewOf({ ...attributes, kind: { ...attributes.kind, version: 'v1' } });
    const policy = { apiVersion: '', kind: '', metadata: { name: 'p' }, spec: spec ?? {} };
    return new Validator(policy).validate(
      { clock, metrics: new AdmissionMetrics(new MetricRegistry(), clock) },
      new RequestDecisions(ask),
      { view, request: { name: 'p' }, object: {}, old: undefined },
    );
  }

  it('answers each question of all expressions once', async () => {
    const asked: string[] = [];
    const ask: Ask = async ({ verb }) => {
      asked.push(verb);
      return { outcome: verb === 'get' ? 'allow' : 'none', reason: '' };
    };
    const may = (verb: string): string => `authorizer.path('/x').check('${verb}').allowed()`;
    const { decisions } = await validated(
      {
        matchConditions: [{ name: 'c', expression: may('get') }],
        variables: [{ name: 'put', expression: may('put') }],
        validations: [
          { expression: `${may('get')} && !variables.put` },
          { expression: `${may('get')} && ${may('post')}`, message: 'no post' },
        ],
      },
      ask,
    );
    assert.deepEqual(
      decisions.map(({ index, message }) => [index, message]),
      [[1, 'no post']],
    );
    assert.deepEqual(asked, ['get', 'put', 'post']);
  });

  it('is not there for messages and annotations', async () => {
    const { decisions, annotations } = await validated(
      {
        variables: [
          { name: 'v', expression: "string(authorizer.path('/x').check('get').allowed())" },
        ],
        validations: [{ expression: 'false', messageExpression: 'variables.v', message: 'static' }],
        auditAnnotations: [{ key: 'k', valueExpression: 'variables.v' }],
      },
      () => ({ outcome: 'allow', reason: '' }),
    );
    assert.deepEqual(
      decisions.map(({ message }) => message),
      ['static'],
    );
    const [annotation] = annotations;
    assert.ok(annotation !== undefined && 'error' in annotation);
    assert.match(
      annotation.error,
      /composited variable "v" fails to evaluate: no such attribute\(s\): authorizer/,
    );
  });

  it('is asked nothing by a policy that does not compile', async () => {
    const { decisions } = await validated({ validations: [{ expression: 'none(' }] }, () => {
      throw new Error('nobody asks');
    });
    assert.equal(decisions.length, 1);
    assert.match(decisions[0]?.message ?? '', /^compilation error: compilation failed: ERROR/);
  });
});
