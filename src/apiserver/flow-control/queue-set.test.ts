import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { requestInfoOf } from '../request-info.ts';
import { Queue, Ticket, type WorkEstimate } from './queue.ts';
import { type Queuing, QueueSet } from './queue-set.ts';
import { SchemaCounts } from './schema-counts.ts';

const INFO = requestInfoOf('GET', '/api/v1/pods');
const ONE: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };
const wide = (initialSeats: number): WorkEstimate => ({ ...ONE, initialSeats });

function world(queuing: Queuing, limit: number) {
  const environment = new VirtualEnvironment();
  const counts = new SchemaCounts('level', 'schema');
  let demand = 0;
  let idles = 0;
  const set = new QueueSet({
    clock: environment.clock,
    timers: environment.timers,
    onChange: ({ seatsInUse, seatsWaiting }) => {
      demand = seatsInUse + seatsWaiting;
    },
    onIdle: () => {
      idles += 1;
    },
  });
  set.configure(queuing, limit);
  const start = (flow: string, work = ONE, isPatient = false): Ticket | undefined =>
    set.start({
      schema: 'schema',
      distinguisher: flow,
      counts,
      source: { user: { name: flow, groups: [] }, info: INFO },
      work,
      isPatient,
    });
  const must = (flow: string, work = ONE): Ticket => {
    const ticket = start(flow, work);
    assert.ok(ticket !== undefined, `${flow} is refused`);
    return ticket;
  };
  const isEmpty = (): void => {
    const { dispatched: _, rejected: __, timedOut: ___, cancelled: ____, ...now } = set.totals;
    assert.deepEqual(now, { waiting: 0, executing: 0, seatsInUse: 0, seatsWaiting: 0 });
    assert.equal(demand, 0);
    const { waitingRequests, waitingSeats, executingRequests, executingSeats } = counts;
    assert.deepEqual(
      [waitingRequests, waitingSeats, executingRequests, executingSeats],
      [0, 0, 0, 0],
    );
    for (const queue of set.queues) {
      assert.deepEqual(
        [queue.waiting.size, queue.executing.size, queue.seatsInUse, queue.workWaiting],
        [0, 0, 0, 0],
      );
    }
    assert.ok(set.isIdle);
  };
  return {
    environment,
    set,
    counts,
    start,
    must,
    isEmpty,
    demand: () => demand,
    idles: () => idles,
  };
}

const runs = (ticket: Ticket | undefined): boolean => ticket?.startedMs !== undefined;

describe('a level without queues', () => {
  it('refuses who finds no seat', () => {
    const { set, start, counts, isEmpty, idles } = world('reject', 2);
    const [first, second, third] = [start('a'), start('a'), start('a')];
    assert.deepEqual([runs(first), runs(second), third], [true, true, undefined]);
    assert.equal(counts.rejected.get('concurrency-limit'), 1);
    assert.equal(start('b', wide(2)), undefined);
    for (const ticket of [first, second]) if (ticket !== undefined) set.finish(ticket);
    isEmpty();
    assert.equal(idles(), 1);
  });

  it('lets run alone what is wider than it is', () => {
    const { set, start, must } = world('reject', 2);
    const large = must('a', wide(5));
    assert.ok(runs(large));
    assert.equal(start('a'), undefined);
    set.finish(large);
    const small = must('a');
    assert.equal(start('a', wide(5)), undefined);
    set.finish(small);
  });

  it('refuses nobody where it is exempt', () => {
    const { start, demand } = world('exempt', 0);
    for (let i = 0; i < 100; i++) assert.ok(runs(start('a', wide(10))));
    assert.equal(demand(), 1000);
  });
});

describe('a level with queues', () => {
  const queuing = { queues: 8, handSize: 2, queueLengthLimit: 3 };

  it('lets run who finds a seat, and the others wait', () => {
    const { set, must, demand, counts } = world(queuing, 2);
    const tickets = ['a', 'a', 'a', 'b'].map((flow) => must(flow));
    assert.deepEqual(tickets.map(runs), [true, true, false, false]);
    assert.equal(demand(), 4);
    assert.deepEqual(
      [counts.waitingRequests, counts.executingRequests, counts.dispatched],
      [2, 2, 2],
    );
    const told: string[] = [];
    for (const [i, ticket] of tickets.entries()) ticket.onStart = () => told.push(String(i));
    if (tickets[0] !== undefined) set.finish(tickets[0]);
    assert.equal(told.length, 1);
    assert.equal(tickets.filter(runs).length, 3);
  });

  it('refuses who finds its queues full', () => {
    const { start, must, counts } = world({ queues: 1, handSize: 1, queueLengthLimit: 3 }, 1);
    for (let i = 0; i < 4; i++) must('a');
    assert.equal(start('a'), undefined);
    assert.equal(counts.rejected.get('queue-full'), 1);
    assert.equal(runs(start('a', ONE, true)), false, 'who is patient waits all the same');
  });

  it('lets no more than so many be patient', () => {
    const { set, start, must } = world({ queues: 1, handSize: 1, queueLengthLimit: 1 }, 1);
    must('a');
    for (let i = 0; i < 20_000; i++) assert.ok(start('a', ONE, true) !== undefined);
    assert.equal(start('a', ONE, true), undefined);
    assert.equal(set.totals.waiting, 20_000);
  });

  it('takes of the queues of a flow the one with the least work', () => {
    const { set, must } = world({ queues: 2, handSize: 2, queueLengthLimit: 9 }, 1);
    must('x');
    for (const work of [wide(5), ONE, ONE, ONE]) must('a', work);
    const lengths = set.queues.map(({ waiting }) => waiting.size);
    assert.deepEqual(
      lengths.toSorted((a, b) => a - b),
      [1, 3],
    );
  });

  it('holds nothing against a flow that was gone', async () => {
    const { environment, set, must } = world({ queues: 64, handSize: 1, queueLengthLimit: 9 }, 3);
    set.finish(must('a', { initialSeats: 1, finalSeats: 3, additionalMs: 1000 }));
    await environment.advance(2000);
    const other = must('x', wide(3));
    const first = must('a');
    await environment.advance(100);
    const second = must('b', wide(3));
    set.finish(other);
    assert.deepEqual([first, second].map(runs), [true, false]);
  });

  it('forgets who gives up', () => {
    const { set, must, counts, isEmpty } = world(queuing, 1);
    const [first, second, third] = [must('a'), must('a'), must('b')];
    set.leave(second, 'cancelled');
    set.leave(second, 'cancelled');
    set.leave(third, 'time-out');
    set.leave(first, 'time-out');
    assert.ok(runs(first), 'who runs cannot leave');
    assert.deepEqual(
      [...counts.rejected],
      [
        ['cancelled', 1],
        ['time-out', 1],
      ],
    );
    assert.deepEqual([set.totals.timedOut, set.totals.cancelled], [1, 1]);
    set.finish(first);
    isEmpty();
  });

  it('lets the next one run when a wide one in front of it gives up', () => {
    const { set, must } = world({ queues: 1, handSize: 1, queueLengthLimit: 9 }, 4);
    must('a', wide(2));
    const large = must('a', wide(4));
    const small = must('a', wide(2));
    assert.deepEqual([large, small].map(runs), [false, false], 'nobody is overtaken');
    set.leave(large, 'cancelled');
    assert.ok(runs(small));
  });

  it('holds the final seats after the answer', async () => {
    const { environment, set, must, isEmpty } = world(queuing, 3);
    const write = must('a', { initialSeats: 1, finalSeats: 3, additionalMs: 20 });
    const read = must('b');
    assert.deepEqual([write, read].map(runs), [true, false]);
    set.finish(write);
    await environment.advance(19);
    assert.ok(!runs(read));
    await environment.advance(1);
    assert.ok(runs(read));
    set.finish(read);
    isEmpty();
  });

  it('holds no more final seats than there are, and them for longer', async () => {
    const { environment, set, must } = world(queuing, 2);
    const write = must('a', { initialSeats: 1, finalSeats: 8, additionalMs: 10 });
    assert.equal(set.totals.seatsInUse, 2);
    set.finish(write);
    await environment.advance(39);
    assert.equal(set.totals.seatsInUse, 2);
    await environment.advance(1);
    assert.equal(set.totals.seatsInUse, 0);
  });

  it('has more seats and queues when it is told so, and fewer', () => {
    const { set, must, isEmpty } = world({ queues: 1, handSize: 1, queueLengthLimit: 9 }, 1);
    const tickets = Array.from({ length: 5 }, () => must('a'));
    set.configure({ queues: 4, handSize: 1, queueLengthLimit: 9 }, 3);
    assert.equal(tickets.filter(runs).length, 3);
    assert.equal(set.queues.length, 4);
    set.configure('reject', 1);
    assert.equal(set.queues.length, 1, 'the others were empty');
    for (let i = 0; i < 5; i++) {
      const next = tickets.findIndex(runs);
      const [ticket] = tickets.splice(next, 1);
      if (ticket !== undefined) set.finish(ticket);
      assert.ok(set.totals.seatsInUse <= 3);
    }
    isEmpty();
    assert.equal(set.queues.length, 0);
  });

  it('stays as it is where there can be no such queues', () => {
    const { set, must } = world(queuing, 2);
    assert.throws(
      () => set.configure({ queues: 2, handSize: 3, queueLengthLimit: 1 }, 9),
      RangeError,
    );
    assert.equal(set.limit, 2);
    assert.ok(runs(must('a')));
  });
});

describe('a queue', () => {
  it('is not due before its first request came', () => {
    const { counts } = world('reject', 1);
    const source = { user: { name: 'a', groups: [] }, info: INFO };
    const request = {
      schema: 's',
      distinguisher: 'a',
      counts,
      source,
      work: ONE,
      isPatient: false,
    };
    const queue = new Queue();
    queue.nextDispatch = 1;
    queue.boundNextDispatch();
    assert.equal(queue.nextDispatch, 1);
    queue.add(new Ticket(request, { nowMs: 0, progress: 5, queue }));
    queue.boundNextDispatch();
    assert.equal(queue.nextDispatch, 5);
    queue.nextDispatch = 7;
    queue.boundNextDispatch();
    assert.equal(queue.nextDispatch, 7);
  });
});

describe('fair shares', () => {
  /** Each flow always has so many requests under way or waiting; answers how many were served. */
  async function served(
    flows: Readonly<
      Record<string, { depth: number; work: WorkEstimate; ms: number; fromMs?: number }>
    >,
  ) {
    const { environment, set, start } = world(
      { queues: 64, handSize: 1, queueLengthLimit: 1000 },
      10,
    );
    const counts = new Map(Object.keys(flows).map((flow) => [flow, 0]));
    const ask = (flow: string): void => {
      const facts = flows[flow];
      if (facts === undefined) return;
      const ticket = start(flow, facts.work);
      assert.ok(ticket !== undefined);
      const serve = (): void => {
        environment.timers.after(facts.ms, () => {
          counts.set(flow, (counts.get(flow) ?? 0) + 1);
          set.finish(ticket);
          ask(flow);
        });
      };
      if (runs(ticket)) serve();
      else ticket.onStart = serve;
    };
    for (const [flow, { depth, fromMs = 0 }] of Object.entries(flows))
      environment.timers.after(fromMs, () => {
        for (let i = 0; i < depth; i++) ask(flow);
      });
    await environment.advance(10_000);
    return counts;
  }

  const near = (value: number | undefined, wanted: number): void =>
    assert.ok(Math.abs((value ?? 0) - wanted) <= wanted * 0.1, `${value}, not about ${wanted}`);

  it('are even, however many requests a flow has', async () => {
    const counts = await served({
      flood: { depth: 500, work: ONE, ms: 10 },
      calm: { depth: 10, work: ONE, ms: 10 },
    });
    near(counts.get('flood'), 5000);
    near(counts.get('calm'), 5000);
  });

  it('are even in seats and time, not in requests', async () => {
    const counts = await served({
      narrow: { depth: 50, work: ONE, ms: 10 },
      wide: { depth: 50, work: wide(2), ms: 10 },
      slow: { depth: 50, work: ONE, ms: 20 },
    });
    near(counts.get('narrow'), 3333);
    near(counts.get('wide'), 1667);
    near(counts.get('slow'), 1667);
  });

  it('are even from the moment on when a flow comes', async () => {
    const counts = await served({
      old: { depth: 50, work: ONE, ms: 10 },
      young: { depth: 50, work: ONE, ms: 10, fromMs: 8_000 },
    });
    near(counts.get('old'), 9000);
    near(counts.get('young'), 1000);
  });

  it('leave to the others what a flow does not use', async () => {
    const counts = await served({
      flood: { depth: 500, work: ONE, ms: 10 },
      rare: { depth: 1, work: ONE, ms: 10 },
    });
    near(counts.get('rare'), 1000);
    near(counts.get('flood'), 9000);
  });
});

describe('whatever comes', () => {
  for (let seed = 1; seed <= 60; seed++)
    it(`no seat is lost, and who leaves leaves no trace (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      const below = (limit: number): number => Math.floor(random.next() * limit);
      const limit = 1 + below(12);
      const queuing = { queues: 1 + below(8), handSize: 1, queueLengthLimit: 1 + below(9) };
      const { environment, set, start, isEmpty } = world(queuing, limit);
      const waiting = new Set<Ticket>();
      const running = new Set<Ticket>();
      let asked = 0;
      let refused = 0;
      const check = (): void => {
        const seats = [...running].reduce((sum, ticket) => sum + ticket.seats, 0);
        assert.ok(set.totals.seatsInUse >= seats);
        const isAlone = running.size === 1 && seats > set.limit;
        assert.ok(seats <= limit * 2 || isAlone);
        assert.equal(set.totals.waiting, waiting.size);
        assert.equal(set.totals.executing, running.size);
        // Who could run does not wait.
        assert.ok(waiting.size === 0 || set.totals.seatsInUse > 0 || set.limit === 0);
      };
      for (let step = 0; step < 400; step++) {
        const dice = random.next();
        if (dice < 0.5) {
          asked += 1;
          const work = {
            initialSeats: 1 + below(4),
            finalSeats: below(6),
            additionalMs: random.next() < 0.5 ? 0 : 1 + below(30),
          };
          const ticket = start(`flow-${below(5)}`, work, random.next() < 0.1);
          if (ticket === undefined) refused += 1;
          else if (runs(ticket)) running.add(ticket);
          else {
            waiting.add(ticket);
            ticket.onStart = () => {
              waiting.delete(ticket);
              running.add(ticket);
            };
          }
        } else if (dice < 0.8) {
          const [ticket] = running;
          if (ticket !== undefined) {
            running.delete(ticket);
            set.finish(ticket);
          }
        } else if (dice < 0.9) {
          const ticket = [...waiting][below(waiting.size)];
          if (ticket !== undefined) {
            waiting.delete(ticket);
            set.leave(ticket, 'cancelled');
          }
        } else if (dice < 0.93) {
          set.configure({ ...queuing, queues: 1 + below(8) }, 1 + below(limit * 2));
        } else {
          await environment.advance(below(20));
        }
        check();
      }
      while (running.size > 0 || waiting.size > 0) {
        const [ticket] = running;
        if (ticket === undefined) await environment.advance(100);
        else {
          running.delete(ticket);
          set.finish(ticket);
        }
      }
      await environment.advance(1000);
      isEmpty();
      const { dispatched, rejected, cancelled } = set.totals;
      assert.equal(dispatched + rejected, asked);
      assert.equal(rejected, refused + cancelled);
    });
});
