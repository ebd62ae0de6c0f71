/** Which annotations the events of slow requests have, and what of a request is the server's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '#base/env.ts';
import { AuditedServer, type Event } from '#kit/audit.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { WebhookServer } from '#kit/webhook-server.ts';
import { MemoryStore } from '#store/memory.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const EVENTS = '/api/v1/namespaces/default/events';
const PAST = 'resourceVersion=THEN&resourceVersionMatch=Exact';
const PREFIX = 'apiserver.latency.k8s.io/';
const BOB = { as: { name: 'bob', groups: ['system:authenticated'] } };

/** Its answers come late where a test says so. */
class SlowStore extends MemoryStore {
  readonly #environment: VirtualEnvironment;
  lateMs = 0;

  constructor(environment: VirtualEnvironment) {
    super(environment);
    this.#environment = environment;
  }

  #late(): Promise<void> {
    return sleep(this.#environment, this.lateMs);
  }

  override async write(
    ...args: Parameters<MemoryStore['write']>
  ): ReturnType<MemoryStore['write']> {
    await this.#late();
    return super.write(...args);
  }

  override async list(...args: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    await this.#late();
    return super.list(...args);
  }

  override async revision(): Promise<number> {
    await this.#late();
    return super.revision();
  }

  override async grantLease(ttlMs: number): Promise<number> {
    await this.#late();
    return super.grantLease(ttlMs);
  }
}

/** Its monotonic clock goes on by `leap.ms` at each look: whatever is measured takes time. */
function leapingEnvironment() {
  const environment = new VirtualEnvironment();
  const { clock } = environment;
  const leap = { ms: 0 };
  let leaptMs = 0;
  Object.assign(environment, {
    clock: {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs() + (leaptMs += leap.ms),
    },
  });
  return { environment, leap };
}

/** What the last event says of latencies, without the prefix. */
function latencies(events: readonly Event[]): Record<string, string> {
  const annotations = (events.at(-1)?.['annotations'] ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(annotations)
      .filter(([key]) => key.startsWith(PREFIX))
      .map(([key, value]) => [key.slice(PREFIX.length), value]),
  );
}

describe('the event of a request for which the store was slow', () => {
  for (const [what, request, body, etcd] of [
    ['a create', `POST ${MAPS}`, { metadata: { name: 'new' } }, '600ms'],
    ['a create of what does not stay', `POST ${EVENTS}`, event('e'), '1.2s'],
    ['a dry run', `POST ${MAPS}?dryRun=All`, { metadata: { name: 'new' } }, '600ms'],
    ['an update', `PATCH ${MAPS}/m`, { data: { a: 'b' } }, '600ms'],
    ['an update of what is not there', `PATCH ${MAPS}/none`, { data: {} }, '600ms'],
    ['a deletion', `DELETE ${MAPS}/m`, undefined, '1.2s'],
    ['a read', `GET ${MAPS}/m`, undefined, '600ms'],
    ['a list', `GET ${MAPS}`, undefined, '600ms'],
    ['a list of the past', `GET ${MAPS}?${PAST}`, undefined, '600ms'],
  ] as const)
    it(`says how slow, ${what}`, async () => {
      const environment = new VirtualEnvironment();
      const store = new SlowStore(environment);
      const server = await AuditedServer.start([{ level: 'Metadata' }], { environment, store });
      await server.api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
      const { metadata } = await server.api.must(`GET ${MAPS}`);
      await server.api.must(`POST ${MAPS}`, { metadata: { name: 'n' } });
      store.lateMs = 600;
      const events = await server.of(request.replace('THEN', metadata.resourceVersion), body);
      assert.deepEqual(latencies(events), { etcd, total: etcd });
    });
});

describe('the event of a request whose answer took long to make', () => {
  /** The layers of its answer. */
  async function layersOf(accept: string, url = `${MAPS}/m`): Promise<string[]> {
    const { environment, leap } = leapingEnvironment();
    const server = await AuditedServer.start([{ level: 'Metadata' }], { environment });
    await server.api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const { metadata } = await server.api.must(`GET ${MAPS}`);
    await server.api.must(`POST ${MAPS}`, { metadata: { name: 'n' } });
    leap.ms = 100;
    const asked = url.replace('THEN', metadata.resourceVersion);
    const events = await server.of(`GET ${asked}`, undefined, { headers: { accept } });
    return Object.keys(latencies(events)).filter((layer) => layer.endsWith('-object'));
  }
  const as = (kind: string): string => `application/json;as=${kind};v=v1;g=meta.k8s.io`;
  const [decode, serialize, transform] = ['decode', 'serialize', 'transform'].map(
    (layer) => `${layer}-response-object`,
  );

  it('says that it was encoded, where it is the object itself', async () => {
    assert.deepEqual(await layersOf('application/yaml'), [serialize]);
    assert.deepEqual(await layersOf('application/yaml', MAPS), [serialize]);
  });

  it('says that it was made into another one, and encoded', async () => {
    const both = [serialize, transform];
    assert.deepEqual(await layersOf(as('Table')), both);
    assert.deepEqual(await layersOf(as('Table'), MAPS), both);
    assert.deepEqual(await layersOf(as('PartialObjectMetadata')), both);
    assert.deepEqual(await layersOf(as('PartialObjectMetadataList'), MAPS), both);
  });

  it('says that it was decoded, where it came out of the store', async () => {
    assert.deepEqual(await layersOf('application/json', `${MAPS}?${PAST}`), [decode, serialize]);
  });

  it('says nothing of a watch, which takes as long as its client wants', async () => {
    const { environment, leap } = leapingEnvironment();
    const server = await AuditedServer.start([{ level: 'Metadata' }], { environment });
    leap.ms = 400;
    assert.deepEqual(latencies(await server.of(`GET ${MAPS}?watch=true`, undefined, BOB)), {});
    const read = latencies(await server.of(`GET ${MAPS}`, undefined, BOB));
    assert.deepEqual(Object.keys(read), ['authentication', 'authorization', 'total']);
  });
});

it('the time of a request without that of webhooks is measured, audited or not', async () => {
  const hooks = await WebhookServer.start();
  const { api } = hooks;
  const late = (ms: number) => async () => {
    await sleep(api.environment, ms);
    return { allowed: true };
  };
  for (const [name, ms, mutating] of [
    ['a', 300, true],
    ['b', 700, false],
    ['c', 900, false],
  ] as const) {
    hooks.respond(`/${name}`, late(ms));
    await hooks.hook(name, `/${name}`, { mutating });
  }
  /** Of ConfigMaps. */
  const sample = async (name: string, verb = 'POST'): Promise<number> => {
    const page = String((await api.call('GET /metrics')).body);
    const head = `apiserver_request_${name}{component="apiserver",`;
    const line = page
      .split('\n')
      .filter((each) => each.startsWith(head) && each.includes('resource="configmaps"'))
      .find((each) => each.includes(`verb="${verb}"`));
    return Number(line?.split(' ')[1] ?? 0);
  };
  const before = await sample('sli_duration_seconds_count');
  await api.must(`POST ${MAPS}?dryRun=All`, { metadata: { name: 'none' } });
  assert.equal(await sample('sli_duration_seconds_count'), before);
  await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
  assert.equal(await sample('sli_duration_seconds_count'), before + 1);
  assert.equal(await sample('sli_duration_seconds_sum'), 0);
  assert.equal(await sample('duration_seconds_sum'), 1.2);
  await api.must(`POST ${MAPS}`, { metadata: { name: 'n' } });
  await api.must(`DELETE ${MAPS}`);
  assert.equal(await sample('sli_duration_seconds_sum', 'DELETECOLLECTION'), 0);
  assert.ok((await sample('duration_seconds_sum', 'DELETECOLLECTION')) > 1);
});

function event(name: string) {
  const involvedObject = { kind: 'ConfigMap', namespace: 'default', name: 'm' };
  return {
    metadata: { name, namespace: 'default' },
    involvedObject,
    reason: 'Test',
    type: 'Normal',
  };
}
