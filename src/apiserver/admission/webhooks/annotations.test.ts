/** What the audit log is told, and how calls are counted: the plug-ins without a server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { anyKind } from '#api/kind.ts';
import type { Json } from '#api/meta/object.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { AdmissionBench } from '#kit/admission.ts';
import { json, patch, webhook } from '#kit/webhook-server.ts';
import { AdmissionMetrics } from '../../metrics/admission-metrics.ts';
import type { ApiObject } from '../../api-object.ts';
import { AdmissionChain } from '../admission.ts';
import type { AdmissionServices } from '../services.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS } from '../targets.ts';
import { mutatingAdmissionWebhook } from './mutating.ts';
import { validatingAdmissionWebhook } from './validating.ts';

class World {
  readonly bench = new AdmissionBench();
  readonly registry = new MetricRegistry();
  readonly annotations = new Map<string, string>();
  readonly warnings: string[] = [];
  /** By path. */
  readonly responses = new Map<string, object | Error>();
  readonly chain: AdmissionChain;
  signal: AbortSignal | undefined;
  #version = 0;

  constructor() {
    const { clock } = this.bench.environment;
    const services: AdmissionServices = {
      ...this.bench.services,
      metrics: new AdmissionMetrics(this.registry, clock),
      webhooks: {
        ...this.bench.services.webhooks,
        locate: ({ url = '' }) => ({
          origin: '',
          address: '',
          url,
          handler: async ({ body }) => {
            const review = JSON.parse(Buffer.from(body ?? '').toString());
            const response = this.responses.get(new URL(url).pathname) ?? { allowed: true };
            if (response instanceof Error) throw response;
            const { apiVersion, kind } = review;
            return json(200, {
              apiVersion,
              kind,
              response: { uid: review.request.uid, ...response },
            });
          },
        }),
      },
    };
    this.chain = new AdmissionChain([
      mutatingAdmissionWebhook(services),
      validatingAdmissionWebhook(services),
    ]);
  }

  configure(name: string, webhooks: object[], target = MUTATING_WEBHOOK_CONFIGURATIONS): void {
    this.#version += 1;
    const metadata = { name, uid: name, resourceVersion: String(this.#version) };
    const selected = webhooks.map((one) => ({ namespaceSelector: {}, objectSelector: {}, ...one }));
    this.bench.reader.put(target, { metadata, webhooks: selected });
  }

  async write(): Promise<ApiObject> {
    const object: ApiObject = { metadata: { name: 'm' } };
    const attributes = {
      ...this.bench.attributes({ plural: 'configmaps', object }),
      kind: anyKind(CONFIG_MAP),
      ...(this.signal === undefined ? {} : { signal: this.signal }),
      warn: (text: string) => void this.warnings.push(text),
      annotate: (key: string, value: string, level = 'Metadata') => {
        this.annotations.set(`${level} ${key}`, value);
      },
    };
    await this.bench.environment.resolve(this.chain.admit(attributes));
    await this.bench.environment.resolve(this.chain.validate(attributes));
    return object;
  }

  /** Parsed, by level and key. */
  get annotated(): Record<string, Json> {
    return Object.fromEntries(
      [...this.annotations].map(([key, value]) => [
        key,
        value.startsWith('{') ? (JSON.parse(value) as Json) : value,
      ]),
    );
  }

  count(line: string): boolean {
    return this.registry.text().includes(`apiserver_admission_webhook_${line}\n`);
  }
}

/** As it comes from a client that notices what certificates are. */
class RefusedError extends Error {
  readonly certificateFaults = ['missing-san'];
}

const add = { op: 'add', path: '/data', value: { a: 'b' } };

describe('annotations of mutating webhooks', () => {
  it('tell of each call, its patch and its round', async () => {
    const world = new World();
    world.responses.set('/two', patch(add));
    world.configure('c', [
      webhook('other', '/other', { objectSelector: { matchLabels: { no: 'body' } } }),
      webhook('one', '/one', { reinvocationPolicy: 'IfNeeded' }),
      webhook('two', '/two'),
    ]);
    assert.deepEqual((await world.write())['data'], { a: 'b' });
    const about = (name: string) => ({ configuration: 'c', webhook: `${name}.example.com` });
    assert.deepEqual(world.annotated, {
      'Metadata mutation.webhook.admission.k8s.io/round_0_index_1': {
        ...about('one'),
        mutated: false,
      },
      'Metadata mutation.webhook.admission.k8s.io/round_0_index_2': {
        ...about('two'),
        mutated: true,
      },
      'Metadata mutation.webhook.admission.k8s.io/round_1_index_1': {
        ...about('one'),
        mutated: false,
      },
      'Request patch.webhook.admission.k8s.io/round_0_index_2': {
        ...about('two'),
        patch: [add],
        patchType: 'JSONPatch',
      },
    });
  });

  it('do not call a patch that makes no difference a change', async () => {
    const world = new World();
    world.responses.set('/one', patch({ ...add, value: {} }, { op: 'remove', path: '/data' }));
    world.configure('c', [webhook('one', '/one')]);
    await world.write();
    const mutation = 'Metadata mutation.webhook.admission.k8s.io/round_0_index_0';
    assert.equal((world.annotated[mutation] as { mutated: boolean }).mutated, false);
  });
});

describe('annotations of webhooks', () => {
  it('have the name of the webhook before their own, where that makes a name', async () => {
    const world = new World();
    const auditAnnotations = { 'my-key': 'one', 'no/key': 'two', '': 'three' };
    world.responses.set('/one', { allowed: true, auditAnnotations, warnings: ['careful'] });
    world.configure('c', [webhook('one', '/one')], VALIDATING_WEBHOOK_CONFIGURATIONS);
    await world.write();
    assert.deepEqual(world.annotated, { 'Metadata one.example.com/my-key': 'one' });
    assert.deepEqual(world.warnings, ['careful']);
  });

  it('say where a webhook failed and the request went on', async () => {
    const world = new World();
    world.responses.set('/one', new Error('nobody is there'));
    const failing = webhook('one', '/one', { failurePolicy: 'Ignore' });
    world.configure('c', [webhook('zero', '/zero'), failing]);
    world.configure('c', [webhook('zero', '/zero'), failing], VALIDATING_WEBHOOK_CONFIGURATIONS);
    await world.write();
    const { annotated } = world;
    for (const kind of ['mutation', 'validating'])
      assert.equal(
        annotated[`Metadata failed-open.${kind}.webhook.admission.k8s.io/round_0_index_1`],
        'one.example.com',
      );
    assert.ok(
      world.count('fail_open_count{name="one.example.com",type="validating"} 1') &&
        world.count(
          'request_total{name="one.example.com",type="admit",operation="CREATE",code="503",rejected="false"} 1',
        ) &&
        world.count(
          'request_total{name="zero.example.com",type="admit",operation="CREATE",code="200",rejected="false"} 1',
        ),
    );
    assert.ok(!world.registry.text().includes('rejection_count'));
  });
});

describe('a webhook that is refused for what its certificate is', () => {
  it('is named, with what is wrong with it', async () => {
    const world = new World();
    world.configure('c', [webhook('one', '/one', { failurePolicy: 'Ignore' })]);
    world.responses.set('/one', new RefusedError('not believed'));
    await world.write();
    assert.equal(
      world.annotated['Metadata missing-san.invalid-cert.kubernetes.io/10.0.0.7'],
      'relies on a legacy Common Name field instead of the SAN extension for subject validation',
    );
  });
});

describe('a client that has gone away', () => {
  it('ends the calls, and is nobody’s failure', async () => {
    const world = new World();
    const gone = new AbortController();
    gone.abort(new Error('gone'));
    world.signal = gone.signal;
    world.configure('c', [webhook('one', '/one', { failurePolicy: 'Ignore' })]);
    await assert.rejects(
      world.write(),
      /Timeout: request did not complete within requested timeout/,
    );
    world.configure('c', [webhook('one', '/one', { failurePolicy: 'Fail' })]);
    await assert.rejects(world.write(), /context canceled$/);
    const text = world.registry.text();
    assert.ok(!text.includes('rejection_count') && !text.includes('fail_open'));
  });
});

describe('a configuration', () => {
  it('is made ready once for each of its revisions', async () => {
    const world = new World();
    const deny = { allowed: false };
    world.responses.set('/two', deny);
    world.configure('a', [webhook('one', '/one')]);
    await world.write();
    world.configure('b', [webhook('one', '/one'), webhook('one', '/one')]);
    await world.write();
    world.configure('a', [webhook('one', '/two')]);
    await assert.rejects(world.write(), /"one.example.com" denied the request/);
    world.bench.reader.remove(MUTATING_WEBHOOK_CONFIGURATIONS, '', 'a');
    await world.write();
  });
});

describe('the rounds of admission', () => {
  it('are two at most, and only when somebody asks', async () => {
    const seen: string[] = [];
    const bench = new AdmissionBench();
    const attributes = bench.attributes({ plural: 'pods' });
    const chain = (wants: boolean) =>
      new AdmissionChain([
        { name: 'a', admit: (_, rounds) => void seen.push(`a${rounds.number}`) },
        {
          name: 'b',
          admit: async (_, rounds) => {
            seen.push(`b${rounds.number}`);
            rounds.wantsAnother = wants;
          },
          validate: () => void seen.push('v'),
        },
      ]);
    await chain(false).admit(attributes);
    assert.equal(seen.splice(0).join(' '), 'a0 b0');
    await chain(true).admit(attributes);
    assert.equal(seen.splice(0).join(' '), 'a0 b0 a1 b1');
    await chain(true).validate(attributes);
    assert.equal(seen.join(' '), 'v');
  });

  it('are measured, of each plug-in and together', async () => {
    const registry = new MetricRegistry();
    const bench = new AdmissionBench();
    const chain = new AdmissionChain(
      [
        { name: 'Quick', admit: () => {} },
        {
          name: 'Slow',
          admit: () =>
            new Promise((resolve) => void bench.environment.timers.after(200, () => resolve())),
          validate: () => Promise.reject(new Error('no')),
        },
        {
          name: 'Broken',
          validate: () => {
            throw new Error('never asked');
          },
        },
      ],
      new AdmissionMetrics(registry, bench.environment.clock),
    );
    const attributes = bench.attributes({ plural: 'pods' });
    await bench.environment.resolve(chain.admit(attributes));
    await assert.rejects(bench.environment.resolve(chain.validate(attributes)), /^Error: no$/);
    const text = registry.text();
    const has = (line: string) => assert.ok(text.includes(`apiserver_admission_${line}\n`), text);
    const labels = 'operation="CREATE",rejected="false"';
    has(`controller_admission_duration_seconds_sum{name="Quick",type="admit",${labels}} 0`);
    has(`controller_admission_duration_seconds_sum{name="Slow",type="admit",${labels}} 0.2`);
    has(`step_admission_duration_seconds_sum{type="admit",${labels}} 0.2`);
    const step = 'step_admission_duration_seconds_summary';
    assert.match(text, new RegExp(`${step}{type="admit",${labels},quantile="0.99"} 0\\.(?:2|19)`));
    has(`${step}_sum{type="admit",${labels}} 0.2`);
    has(
      'controller_admission_duration_seconds_count{name="Slow",type="validate",operation="CREATE",rejected="true"} 1',
    );
    has(
      'step_admission_duration_seconds_count{type="validate",operation="CREATE",rejected="true"} 1',
    );
    assert.ok(!text.includes('Broken'));
  });
});
