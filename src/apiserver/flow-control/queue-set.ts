/**
 * The seats and queues of one priority level: who may run, and who of those that wait is next.
 *
 * Fair queuing in virtual time. The progress of a level (R) grows as fast as one of its busy queues
 * would be served if all were served evenly; each queue knows at which progress its next request is
 * due, and the one whose request would be finished first is served. Nothing here waits for time: it
 * moves when a request comes, ends, or gives up.
 *
 * Source: KEP-1040; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset/queueset.go. Progress is a
 * floating-point number here, so that it never has to begin anew (there: epochs).
 */
import type { Clock, Timers } from '#base/env.ts';
import { Dealer } from './dealer.ts';
import { Queue, SERVICE_SECONDS, Ticket, type TicketRequest, totalWork } from './queue.ts';

export interface QueuingConfig {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

/** How many requests and seats there are in a level. */
export interface QueueTotals {
  readonly waiting: number;
  readonly executing: number;
  /** Also of those whose answers are given and whose final seats are held. */
  readonly seatsInUse: number;
  readonly seatsWaiting: number;
}

/** `exempt`: no limit at all. `reject`: who finds no seat is refused. */
export type Queuing = QueuingConfig | 'exempt' | 'reject';

export interface QueueSetServices {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
  /** Told whenever they change; they change again. */
  onChange(totals: QueueTotals, nowMs: number): void;
  /** Told when nobody runs or waits any more. */
  onIdle(): void;
}

/** Patient requests that wait in one level; beyond that they are refused as others are. */
const PATIENT_MAX = 20_000;

export class QueueSet {
  readonly #services: QueueSetServices;
  #queuing: Queuing = 'reject';
  #limit = 0;
  #dealer: Dealer | undefined;
  readonly #queues: Queue[] = [];
  /** Requests that came while there were no queues. */
  readonly #queueless = new Set<Ticket>();
  /** R: seat-seconds that a busy queue has been served, were all served evenly. */
  #progress = 0;
  #progressMs: number;
  /** Where the last search for a request ended: the next begins behind it. */
  #robin = 0;
  #enqueued = 0;
  #activeQueues = 0;
  /** In use by requests that came from a queue. */
  #seatsOfQueues = 0;
  readonly totals = {
    waiting: 0,
    executing: 0,
    seatsInUse: 0,
    seatsWaiting: 0,
    dispatched: 0,
    rejected: 0,
    timedOut: 0,
    cancelled: 0,
  };
  /** S of the request that was dispatched last, and R then; for metrics. */
  lastDispatch = { progress: 0, due: 0 };

  constructor(services: QueueSetServices) {
    this.#services = services;
    this.#progressMs = services.clock.monotonicMs();
  }

  /** Throws where there can be no such queues, and changes nothing then. */
  configure(queuing: Queuing, limit: number): void {
    const dealer =
      typeof queuing === 'string' ? undefined : this.#dealerFor(queuing.queues, queuing.handSize);
    const nowMs = this.#synced();
    this.#dealer = dealer;
    this.#queuing = queuing;
    this.#limit = limit;
    const wanted = typeof queuing === 'string' ? 0 : queuing.queues;
    while (this.#queues.length < wanted) this.#queues.push(new Queue());
    for (const [i, queue] of this.#queues.entries()) queue.isSurplus = i >= wanted;
    this.#dropSurplus();
    this.#dispatchAll(nowMs);
  }

  #dealerFor(queues: number, handSize: number): Dealer {
    const now = this.#queuing;
    const isSame = typeof now !== 'string' && now.queues === queues && now.handSize === handSize;
    return isSame && this.#dealer !== undefined ? this.#dealer : new Dealer(queues, handSize);
  }

  get limit(): number {
    return this.#limit;
  }

  get isIdle(): boolean {
    return this.totals.waiting === 0 && this.totals.executing === 0;
  }

  get progress(): number {
    this.#synced();
    return this.#progress;
  }

  get queues(): readonly Queue[] {
    return this.#queues;
  }

  get queueless(): ReadonlySet<Ticket> {
    return this.#queueless;
  }

  /**
   * A ticket that runs (`startedMs`) or waits; undefined when there is no room, which is counted.
   * Whoever gets one calls `finish`, or `leave` while it waits.
   */
  start(request: TicketRequest): Ticket | undefined {
    const nowMs = this.#synced();
    if (this.#dealer === undefined || typeof this.#queuing === 'string')
      return this.#startWithoutQueue(request, nowMs);
    const queue = this.#queueFor(this.#dealer.hand(request.schema, request.distinguisher));
    const ticket = new Ticket(request, { nowMs, progress: this.#progress, queue });
    if (!this.#hasRoom(queue, this.#queuing, request.isPatient)) {
      this.totals.rejected += 1;
      request.counts.reject('queue-full');
      return undefined;
    }
    if (!queue.isActive) queue.nextDispatch = this.#progress;
    const isNext = this.totals.waiting === 0 && this.totals.seatsInUse < this.#limit;
    if (isNext && this.#fits(ticket.seats)) {
      queue.nextDispatch = Math.max(queue.nextDispatch, ticket.arrivedAt);
      this.#run(ticket, nowMs);
      return ticket;
    }
    this.#enqueue(ticket, queue, nowMs);
    // Who is due may be another one.
    this.#dispatchAll(nowMs);
    return ticket;
  }

  #startWithoutQueue(request: TicketRequest, nowMs: number): Ticket | undefined {
    const ticket = new Ticket(request, { nowMs, progress: this.#progress, queue: undefined });
    if (this.#queuing !== 'exempt' && !this.#fits(ticket.seats)) {
      this.totals.rejected += 1;
      request.counts.reject('concurrency-limit');
      return undefined;
    }
    this.#run(ticket, nowMs);
    return ticket;
  }

  /** Of the queues of a flow the one with the least work; of equals another one each time. */
  #queueFor(hand: readonly number[]): Queue {
    const offset = this.#enqueued++ % hand.length;
    let best = this.#queueAt(hand[offset] ?? 0);
    for (let i = 1; i < hand.length && best.workWaiting > 0; i++) {
      const queue = this.#queueAt(hand[(offset + i) % hand.length] ?? 0);
      if (queue.workWaiting < best.workWaiting) best = queue;
    }
    return best;
  }

  #queueAt(index: number): Queue {
    const queue = this.#queues[index];
    if (queue === undefined) throw new RangeError(`there is no queue ${index}`);
    return queue;
  }

  #hasRoom(queue: Queue, { queueLengthLimit }: QueuingConfig, isPatient: boolean): boolean {
    if (this.totals.seatsInUse < this.#limit || queue.waiting.size < queueLengthLimit) return true;
    return isPatient && this.totals.waiting < PATIENT_MAX;
  }

  /** A request that is wider than the limit runs alone. */
  #fits(seats: number): boolean {
    if (seats > this.#limit) return this.totals.executing === 0;
    return this.totals.seatsInUse + seats <= this.#limit;
  }

  #enqueue(ticket: Ticket, queue: Queue, nowMs: number): void {
    const wasActive = queue.isActive;
    queue.add(ticket);
    if (!wasActive) this.#activeQueues += 1;
    queue.boundNextDispatch();
    this.totals.waiting += 1;
    this.totals.seatsWaiting += ticket.seats;
    ticket.counts.waitingRequests += 1;
    ticket.counts.waitingSeats += ticket.seats;
    this.#tell(nowMs);
  }

  /** Takes a request out of its queue; answers false when it does not wait. */
  #dequeue(ticket: Ticket): boolean {
    const { queue } = ticket;
    if (queue?.remove(ticket) !== true) return false;
    if (!queue.isActive) this.#activeQueues -= 1;
    this.totals.waiting -= 1;
    this.totals.seatsWaiting -= ticket.seats;
    ticket.counts.waitingRequests -= 1;
    ticket.counts.waitingSeats -= ticket.seats;
    return true;
  }

  /** A request gives up, or has waited too long. Does nothing for one that runs. */
  leave(ticket: Ticket, reason: 'time-out' | 'cancelled'): void {
    const nowMs = this.#synced();
    if (!this.#dequeue(ticket)) return;
    ticket.queue?.boundNextDispatch();
    this.totals.rejected += 1;
    if (reason === 'time-out') this.totals.timedOut += 1;
    else this.totals.cancelled += 1;
    ticket.counts.reject(reason);
    this.#tell(nowMs);
    this.#dropSurplus();
    // The one behind it may fit where it did not.
    this.#dispatchAll(nowMs);
    if (this.isIdle) this.#services.onIdle();
  }

  /** The request is answered: its seats go back, but for those that are held a while longer. */
  finish(ticket: Ticket): void {
    const nowMs = this.#synced();
    const { queue } = ticket;
    this.totals.executing -= 1;
    ticket.counts.executingRequests -= 1;
    if (queue === undefined) {
      this.#queueless.delete(ticket);
    } else {
      queue.executing.delete(ticket);
      if (!queue.isActive) this.#activeQueues -= 1;
      const tookSeconds = (nowMs - (ticket.startedMs ?? nowMs)) / 1000;
      queue.nextDispatch -= ticket.work.initialSeats * (SERVICE_SECONDS - tookSeconds);
      queue.boundNextDispatch();
    }
    const { additionalMs } = ticket.work;
    if (additionalMs <= 0) {
      this.#release(ticket, nowMs);
    } else {
      this.#tell(nowMs);
      this.#services.timers.after(additionalMs, () => {
        const laterMs = this.#synced();
        this.#release(ticket, laterMs);
        this.#dispatchAll(laterMs);
      });
    }
    this.#dispatchAll(nowMs);
    if (this.isIdle) this.#services.onIdle();
  }

  #release(ticket: Ticket, nowMs: number): void {
    const { queue, seats } = ticket;
    this.totals.seatsInUse -= seats;
    ticket.counts.executingSeats -= seats;
    if (queue !== undefined) {
      queue.seatsInUse -= seats;
      this.#seatsOfQueues -= seats;
    }
    this.#tell(nowMs);
    if (queue?.isSurplus === true) this.#dropSurplus();
  }

  #dispatchAll(nowMs: number): void {
    while (this.totals.waiting > 0 && this.totals.seatsInUse < this.#limit)
      if (!this.#dispatchOne(nowMs)) return;
  }

  /** Runs the request that would be finished first. Answers false when it does not fit yet. */
  #dispatchOne(nowMs: number): boolean {
    const ticket = this.#nextTicket();
    if (ticket === undefined) return false;
    if (!this.#fits(ticket.seats)) {
      ticket.counts.notAccommodated += 1;
      return false;
    }
    this.#dequeue(ticket);
    this.#run(ticket, nowMs);
    ticket.queue?.boundNextDispatch();
    ticket.onStart?.();
    return true;
  }

  #nextTicket(): Ticket | undefined {
    const count = this.#queues.length;
    let earliest = Number.POSITIVE_INFINITY;
    let found: Ticket | undefined;
    let foundAt = this.#robin;
    for (let step = 1; step <= count; step++) {
      const at = (this.#robin + step) % count;
      const queue = this.#queues[at];
      const first = queue?.first;
      if (queue === undefined || first === undefined) continue;
      const finish = queue.nextDispatch + totalWork(first.work);
      if (finish >= earliest) continue;
      earliest = finish;
      found = first;
      foundAt = at;
    }
    if (found !== undefined && this.#fits(found.seats)) this.#robin = foundAt;
    return found;
  }

  #run(ticket: Ticket, nowMs: number): void {
    this.#capFinalSeats(ticket);
    const { queue, seats, counts } = ticket;
    ticket.startedMs = nowMs;
    this.totals.executing += 1;
    this.totals.seatsInUse += seats;
    this.totals.dispatched += 1;
    counts.dispatched += 1;
    counts.executingRequests += 1;
    counts.executingSeats += seats;
    if (queue === undefined) {
      this.#queueless.add(ticket);
    } else {
      if (!queue.isActive) this.#activeQueues += 1;
      queue.executing.add(ticket);
      queue.seatsInUse += seats;
      this.#seatsOfQueues += seats;
      this.lastDispatch = { progress: this.#progress, due: queue.nextDispatch };
      queue.nextDispatch += totalWork(ticket.work);
    }
    this.#tell(nowMs);
  }

  /** More final seats than there are cannot be held: as many for longer. */
  #capFinalSeats(ticket: Ticket): void {
    const { finalSeats, additionalMs, initialSeats } = ticket.work;
    if (this.#queuing === 'exempt' || finalSeats <= this.#limit || this.#limit === 0) return;
    ticket.work = {
      initialSeats,
      finalSeats: this.#limit,
      additionalMs: (finalSeats * additionalMs) / this.#limit,
    };
    ticket.seats = Math.max(initialSeats, this.#limit);
  }

  #tell(nowMs: number): void {
    this.#services.onChange(this.totals, nowMs);
  }

  /** Brings the progress up to now; answers the time. */
  #synced(): number {
    const nowMs = this.#services.clock.monotonicMs();
    if (this.#activeQueues > 0) {
      const wanted = this.#seatsOfQueues + this.totals.seatsWaiting;
      const rate = Math.min(wanted, this.#limit) / this.#activeQueues;
      this.#progress += (rate * (nowMs - this.#progressMs)) / 1000;
    }
    this.#progressMs = nowMs;
    return nowMs;
  }

  /** Queues that are one too many go from the end, once they are empty. */
  #dropSurplus(): void {
    for (let last = this.#queues.at(-1); last?.isSurplus === true; last = this.#queues.at(-1)) {
      if (last.isActive) return;
      this.#queues.pop();
    }
    if (this.#robin >= this.#queues.length) this.#robin = 0;
  }
}
