/** Charges that cannot be stored, and recounts that come while something is stored. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResourceList } from '#api/core/resources.ts';
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { conflict, OBJECT_MODIFIED } from '#api/meta/status.ts';
import type { QuotaWorld } from '#api/quota/evaluator.ts';
import { evaluatorOf } from '#api/quota/evaluators.ts';
import { sleep } from '#base/env.ts';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { RESOURCE_QUOTAS } from '../targets.ts';
import { type ChargedAttributes, type ChargerServices, QuotaCharger } from './charger.ts';
import { ChargeLedger } from './ledger.ts';
import { NamespaceQuotas } from './namespace-quotas.ts';
import { raiseToWhatIs } from './recount.ts';

const PODS = { group: '', plural: 'pods' };
const SERVICES = { group: '', plural: 'services' };
const SECRETS = { group: '', plural: 'secrets' };

function quota(used: string, version = '1', hard = '9'): ResourceQuota {
  return {
    metadata: { name: 'limit', namespace: 'default', uid: 'limit', resourceVersion: version },
    status: { hard: { secrets: hard }, used: { secrets: used } },
  };
}

class Bench extends AdmissionBench {
  readonly ledger = new ChargeLedger();
  readonly stored: string[] = [];
  store: ChargerServices['writeUsed'] = async (old, used) => {
    this.stored.push(used['secrets'] ?? '');
    const version = String(Number(old.metadata?.resourceVersion) + 1);
    return quota(used['secrets'] ?? '', version, old.status?.hard?.['secrets']);
  };
  readonly charger = new QuotaCharger({
    environment: this.environment,
    reader: this.reader,
    quotas: new NamespaceQuotas(this.reader),
    ledger: this.ledger,
    world: () => this.world,
    writeUsed: (old, used) => this.store(old, used),
  });
  readonly world: QuotaWorld = {
    nowMs: 0,
    deviceClasses: () => [],
    pod: () => undefined,
    claims: () => [],
  };

  secret(name: string, change: Partial<Asked> = {}): ChargedAttributes {
    const object = { metadata: { name } };
    return this.attributes({ plural: 'secrets', object, ...change }) as ChargedAttributes;
  }

  charge(attributes: ChargedAttributes): Promise<void> {
    const evaluator = evaluatorOf({ group: '', resource: 'secrets' });
    assert.ok(evaluator !== undefined);
    return this.charger.charge(attributes, evaluator);
  }

  async recounted(told: string, old: ResourceQuota): Promise<string | undefined> {
    const next = quota(told);
    const { environment, reader, ledger } = this;
    await raiseToWhatIs({ environment, reader, ledger, world: () => this.world }, next, old);
    return next.status?.used?.['secrets'];
  }

  /** What is used after somebody has said that it is nothing. */
  async countedAnew(
    names: readonly string[],
    spec: ResourceQuota['spec'] = {},
  ): Promise<ResourceList | undefined> {
    const each = (amount: string): ResourceList =>
      Object.fromEntries(names.map((name) => [name, amount]));
    const hard = each('9');
    const old = { ...quota('5'), spec: { ...spec, hard }, status: { hard, used: each('5') } };
    const next = { ...old, status: { hard, used: each('0') } };
    const { environment, reader, ledger, world } = this;
    await raiseToWhatIs({ environment, reader, ledger, world: () => world }, next, old);
    return next.status.used;
  }
}

describe('the charger', () => {
  it('goes on from what it has written, which the cache does not show yet', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    for (const name of ['a', 'b', 'c']) await bench.charge(bench.secret(name));
    assert.deepEqual(bench.stored, ['1', '2', '3']);
    bench.reader.put(RESOURCE_QUOTAS, quota('0', '8'));
    await bench.charge(bench.secret('d'));
    assert.equal(bench.stored.at(-1), '1');
    assert.equal(bench.environment.nextTimerMs, undefined, 'a timer is left');
  });

  it('charges those together who wait for another charge', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => bench.charge(bench.secret(name))));
    assert.deepEqual(bench.stored, ['1', '4']);
  });

  it('looks again when somebody else has written the quota', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0', '1', '5'));
    const { store } = bench;
    bench.store = () => {
      bench.reader.beforeCatchUp = () => bench.reader.put(RESOURCE_QUOTAS, quota('5', '2', '5'));
      bench.store = store;
      return Promise.reject(modified());
    };
    await assert.rejects(
      bench.charge(bench.secret('a')),
      /exceeded quota: limit, .*used: secrets=5/,
    );
    assert.deepEqual(bench.stored, []);
  });

  it('gives up with the conflict after four tries', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    let tries = 0;
    bench.store = () => {
      tries++;
      return Promise.reject(modified());
    };
    await assert.rejects(bench.charge(bench.secret('a')), {
      code: 409,
      message: `Operation cannot be fulfilled on resourcequotas "limit": ${OBJECT_MODIFIED}`,
    });
    assert.equal(tries, 4);
  });

  it('lets in what no quota is left for', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    bench.store = () => {
      bench.reader.remove(RESOURCE_QUOTAS, 'default', 'limit');
      return Promise.reject(modified());
    };
    await bench.charge(bench.secret('a'));
    assert.equal(bench.ledger.chargedTo(bench), undefined);
  });

  it('lets nobody wait longer than ten seconds', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    bench.store = () => new Promise(() => {});
    const ends = Promise.allSettled(['a', 'b'].map((name) => bench.charge(bench.secret(name))));
    await bench.environment.advance(10_000);
    for (const end of await ends) {
      assert.equal(end.status, 'rejected');
      assert.match(
        String(end.reason),
        /Internal error occurred: resource quota evaluation timed out/,
      );
    }
  });

  it('charges nothing for who has given up when it tries again', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    const { store } = bench;
    bench.store = async () => {
      bench.store = store;
      await sleep(bench.environment, 11_000);
      throw modified();
    };
    const ends = Promise.allSettled([bench.charge(bench.secret('a'))]);
    await bench.environment.advance(12_000);
    const [end] = await ends;
    assert.equal(end?.status, 'rejected');
    assert.deepEqual(bench.stored, []);
  });

  it('charges one request once, whatever its tries', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    const attributes = bench.secret('a');
    await bench.charge(attributes);
    await bench.charge(attributes);
    assert.deepEqual(bench.stored, ['1']);
    bench.ledger.close(attributes.request);
    await bench.charge(attributes);
    assert.deepEqual(bench.stored, ['1', '2']);
  });
});

describe('the ledger', () => {
  it('adds what a later try is charged to what the first was', () => {
    const bench = new Bench();
    const attributes = bench.secret('a');
    bench.ledger.note(attributes, quota('0'), { secrets: '1' });
    bench.ledger.note(attributes, quota('1'), { secrets: '2' });
    assert.deepEqual(bench.ledger.chargedTo(attributes.request)?.get('limit'), { secrets: '3' });
  });

  it('goes by the last try in what the cache shows of the write', () => {
    const bench = new Bench();
    const tryAt = (resourceVersion: string): ChargedAttributes =>
      bench.secret('a', { operation: 'UPDATE', old: { metadata: { name: 'a', resourceVersion } } });
    const [first, second] = [tryAt('1'), tryAt('2')];
    bench.ledger.note(first, quota('0'), { secrets: '1' });
    bench.ledger.note({ ...second, request: first.request }, quota('1'), { secrets: '1' });
    const secret = { name: 'a', namespace: 'default' };
    bench.reader.put(SECRETS, { metadata: { ...secret, resourceVersion: '2' } });
    assert.deepEqual(bench.ledger.pending(quota('2'), bench.reader), { secrets: '2' });
    bench.reader.put(SECRETS, { metadata: { ...secret, resourceVersion: '3' } });
    assert.deepEqual(bench.ledger.pending(quota('2'), bench.reader), {});
  });

  it('adds what all writes on their way were charged, to each quota what is its own', () => {
    const bench = new Bench();
    const { ledger, reader } = bench;
    const other: ResourceQuota = { ...quota('0'), metadata: { name: 'other', uid: 'other' } };
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bench.secret(name)) as [
      ChargedAttributes,
      ChargedAttributes,
      ChargedAttributes,
    ];
    ledger.note(a, other, { secrets: '5' });
    ledger.note(a, quota('0'), { secrets: '1' });
    ledger.note(b, quota('1'), { secrets: '1' });
    ledger.note(c, other, { secrets: '2' });
    assert.deepEqual(ledger.pending(quota('2'), reader), { secrets: '2' });
    assert.deepEqual(ledger.pending(other, reader), { secrets: '7' });
    ledger.close(a.request);
    assert.deepEqual(ledger.pending(quota('2'), reader), { secrets: '1' });
  });

  it('keeps no account of who gave up while the charge was stored', async () => {
    const bench = new Bench();
    bench.reader.put(RESOURCE_QUOTAS, quota('0'));
    const { store } = bench;
    bench.store = async (old, used) => {
      await sleep(bench.environment, 11_000);
      return store(old, used);
    };
    const attributes = bench.secret('a');
    const ends = Promise.allSettled([bench.charge(attributes)]);
    await bench.environment.advance(12_000);
    await ends;
    assert.deepEqual(bench.stored, ['1']);
    assert.equal(bench.ledger.chargedTo(attributes.request), undefined);
  });
});

describe('the quotas of a namespace', () => {
  it('are none any more when the last has gone', () => {
    const { reader } = new Bench();
    const quotas = new NamespaceQuotas(reader);
    assert.equal(quotas.has('default'), false);
    reader.put(RESOURCE_QUOTAS, quota('0'));
    assert.equal(quotas.has('default'), true);
    reader.remove(RESOURCE_QUOTAS, 'default', 'limit');
    assert.equal(quotas.has('default'), false);
  });

  it('come by name', () => {
    const { reader } = new Bench();
    for (const name of ['z', 'a', 'm'])
      reader.put(RESOURCE_QUOTAS, { metadata: { name, namespace: 'default', uid: name } });
    const names = new NamespaceQuotas(reader).of('default').map(({ metadata }) => metadata?.name);
    assert.deepEqual(names, ['a', 'm', 'z']);
  });

  it('are not forgotten for being the first when they are written again', () => {
    const { reader } = new Bench();
    const quotas = new NamespaceQuotas(reader);
    const named = (name: string, version: string): ResourceQuota => ({
      metadata: { name, namespace: 'default', uid: name, resourceVersion: version },
    });
    reader.put(RESOURCE_QUOTAS, named('first', '1'));
    quotas.noteWritten(named('first', '2'));
    for (let other = 0; other < 98; other++) quotas.noteWritten(named(`other-${other}`, '2'));
    quotas.noteWritten(named('first', '3'));
    for (const name of ['one', 'another']) quotas.noteWritten(named(name, '2'));
    assert.equal(quotas.of('default')[0]?.metadata?.resourceVersion, '3');
  });

  it('are known as they were written for the last hundred of them', () => {
    const { reader } = new Bench();
    const quotas = new NamespaceQuotas(reader);
    const named = (name: string, version: string): ResourceQuota => ({
      metadata: { name, namespace: 'default', uid: name, resourceVersion: version },
    });
    for (const name of ['first', 'last']) {
      reader.put(RESOURCE_QUOTAS, named(name, '1'));
      quotas.noteWritten(named(name, '2'));
      if (name === 'first')
        for (let other = 0; other < 99; other++) quotas.noteWritten(named(`other-${other}`, '2'));
    }
    const versions = quotas.of('default').map(({ metadata }) => metadata?.resourceVersion);
    assert.deepEqual(versions, ['1', '2']);
  });
});

describe('a recount', () => {
  it('is not less than what there is and what is on its way', async () => {
    const bench = new Bench();
    bench.reader.put(SECRETS, { metadata: { name: 'a', namespace: 'default' } });
    const attributes = bench.secret('b');
    bench.ledger.note(attributes, quota('1'), { secrets: '1' });
    assert.equal(await bench.recounted('0', quota('2')), '2');
    bench.reader.put(SECRETS, { metadata: { name: 'b', namespace: 'default' } });
    assert.equal(await bench.recounted('0', quota('2')), '2');
    bench.ledger.close(attributes.request);
    assert.equal(await bench.recounted('0', quota('2')), '2');
  });

  it('is believed when it takes nothing away', async () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c'])
      bench.reader.put(SECRETS, { metadata: { name, namespace: 'default' } });
    assert.equal(await bench.recounted('2', quota('2')), '2');
    assert.equal(await bench.recounted('2', { ...quota('2'), status: {} }), '3');
    assert.equal(await bench.recounted('5', quota('6')), '5');
    const hadNoLimit = { ...quota('2'), status: { hard: {}, used: { secrets: '2' } } };
    assert.equal(await bench.recounted('2', hadNoLimit), '3');
  });

  it('counts only what is in the scopes of the quota', async () => {
    const bench = new Bench();
    const container = { name: 'main', resources: { requests: { cpu: '1' } } };
    for (const [name, containers] of [
      ['modest', [{ name: 'main' }]],
      ['asks', [container]],
    ] as const)
      bench.reader.put(PODS, { metadata: { name, namespace: 'default' }, spec: { containers } });
    bench.reader.put(SECRETS, { metadata: { name: 'a', namespace: 'default' } });
    const used = await bench.countedAnew(['pods', 'secrets'], { scopes: ['BestEffort'] });
    assert.deepEqual(used, { pods: '1', secrets: '0' });
  });

  it('counts each object once, under each of its names, at one moment', async () => {
    const bench = new Bench();
    const { reader } = bench;
    reader.put(PODS, { metadata: { name: 'a', namespace: 'default' }, spec: {} });
    const lists = reader.list.bind(reader);
    reader.list = function* list(target, namespace) {
      yield* lists(target, namespace);
      if (target.plural === 'pods')
        reader.put(SERVICES, { metadata: { name: 'late', namespace: 'default' } });
    };
    const used = await bench.countedAnew(['pods', 'count/pods', 'services']);
    assert.deepEqual(used, { pods: '1', 'count/pods': '1', services: '0' });
  });

  it('waits for what the cache does not show yet', async () => {
    const bench = new Bench();
    bench.reader.beforeCatchUp = () =>
      bench.reader.put(SECRETS, { metadata: { name: 'a', namespace: 'default' } });
    assert.equal(await bench.recounted('0', quota('1')), '1');
  });
});

function modified(): Error {
  return conflict({ group: '', resource: 'resourcequotas' }, 'limit', OBJECT_MODIFIED);
}
