/** Extenders among themselves, and what they may not answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Handler } from '#base/http/message.ts';
import { aNode, aPod, snapshotOf } from '#kit/scheduler-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { ExtenderConfig } from './config/types.ts';
import { Extenders } from './extended-cycle.ts';
import { Extender } from './extender.ts';
import { Nominator } from './nominator.ts';
import { podInfo } from './pod-info.ts';

const environment = new VirtualEnvironment();

/** Answers everything alike; `asked` gets its URLs. */
function extender(answer: unknown, config: Partial<ExtenderConfig> = {}, asked: string[] = []) {
  const handler: Handler = async ({ url }) => {
    asked.push(url);
    const bytes = Buffer.from(JSON.stringify(answer));
    return { status: 200, headers: {}, body: { kind: 'bytes', bytes } };
  };
  return new Extender({
    environment,
    handler,
    config: {
      urlPrefix: 'http://host:1/prefix/',
      filterVerb: 'filter',
      nodeCacheCapable: true,
      httpTimeout: '5s',
      ...config,
    },
  });
}

const nodes = [aNode('a'), aNode('b')];
const filter = (answer: unknown) => extender(answer).filter(aPod('p'), nodes);

describe('Extender', () => {
  it('is asked below its prefix', async () => {
    const asked: string[] = [];
    await extender({ NodeNames: [] }, {}, asked).filter(aPod('p'), nodes);
    assert.deepEqual(asked, ['/prefix/filter']);
  });

  it('may name only nodes that it was given', async () => {
    await assert.rejects(filter({ NodeNames: ['c'] }), {
      message:
        'extender "http://host:1/prefix/" claims a filtered node "c" which is not found in the input node list',
    });
  });

  it('fails when it says that it did', async () => {
    await assert.rejects(filter({ NodeNames: ['a'], Error: 'no luck' }), { message: 'no luck' });
    const bind = extender({ error: 'no luck' }, { bindVerb: 'bind' }).bind(aPod('p'), 'a');
    await assert.rejects(bind, { message: 'no luck' });
  });

  it('may take no pod for a victim that is not on the node', async () => {
    const answer = { NodeNameToMetaVictims: { a: { Pods: [{ UID: 'x' }] } } };
    const asked = extender(answer, { preemptVerb: 'preempt' });
    await assert.rejects(
      asked.preempt(aPod('p'), new Map(), () => []),
      /claims to preempt pod \(UID: &\{x\}\) on node: a, but the pod is not found on that node/,
    );
  });
});

describe('Extenders', () => {
  const schedule = (...all: Extender[]) =>
    new Extenders(all, environment).schedule({
      pod: podInfo(aPod('p')),
      cluster: snapshotOf({ nodes }),
      plugins: [],
      nominations: new Nominator(),
      start: 0,
      oneIsEnough: true,
      random: () => 0,
    });

  it('that may fail are asked after those that may not', async () => {
    const asked: string[] = [];
    const later = { urlPrefix: 'http://host/later', ignorable: true };
    await schedule(
      extender({ NodeNames: ['a', 'b'] }, later, asked),
      extender({ NodeNames: ['a', 'b'] }, { urlPrefix: 'http://host/first' }, asked),
    );
    assert.deepEqual(asked, ['/first/filter', '/later/filter']);
  });

  it('are given all nodes that will do, though no plug-in tells them apart', async () => {
    const result = await schedule(extender({ NodeNames: ['b'] }));
    assert.equal('node' in result && result.node, 'b');
  });

  it('are each given what the one before left', async () => {
    await assert.rejects(
      schedule(extender({ NodeNames: ['a'] }), extender({ NodeNames: ['b'] })),
      /claims a filtered node "b"/,
    );
  });

  it('that choose a node without victims fail, and are passed over when they may', async () => {
    const cluster = snapshotOf({ nodes });
    const info = podInfo(aPod('victim'));
    const candidates = [{ node: 'a', victims: [info], violations: 0 }];
    const words = { preemptVerb: 'preempt' };
    const answer = { NodeNameToMetaVictims: { a: { Pods: [] } } };
    const preempt = (config: Partial<ExtenderConfig>) =>
      new Extenders([extender(answer, { ...words, ...config })], environment).preempt(
        podInfo(aPod('p')),
        candidates,
        cluster,
      );
    await assert.rejects(preempt({}), { message: 'expected at least one victim pod on node "a"' });
    assert.deepEqual(await preempt({ ignorable: true }), []);
  });
});
