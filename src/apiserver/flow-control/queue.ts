/** One of the queues of a priority level, and the requests that are in it or come from it. */
import type { RequestInfo } from '../request-info.ts';
import type { User } from '../context.ts';
import type { SchemaCounts } from './schema-counts.ts';

/** What a request takes: seats while it runs, and seats while what it has changed is told of. */
export interface WorkEstimate {
  readonly initialSeats: number;
  readonly finalSeats: number;
  /** How long the final seats are held after the answer. */
  readonly additionalMs: number;
}

/** Who asks for what, for the page that shows who waits. */
export interface RequestSource {
  readonly user: User;
  readonly info: RequestInfo;
}

/** A request in a priority level: it waits, runs, and then holds its final seats for a while. */
export class Ticket {
  readonly schema: string;
  readonly distinguisher: string;
  readonly counts: SchemaCounts;
  readonly source: RequestSource;
  readonly arrivedMs: number;
  /** The progress of its level when it came, seat-seconds. */
  readonly arrivedAt: number;
  readonly queue: Queue | undefined;
  work: WorkEstimate;
  /** At once: those of its wider phase. */
  seats: number;
  /** Undefined while it waits. */
  startedMs: number | undefined;
  /** Who waits for the ticket is told here. */
  onStart: (() => void) | undefined;

  constructor(
    request: TicketRequest,
    at: { readonly nowMs: number; readonly progress: number; readonly queue: Queue | undefined },
  ) {
    this.schema = request.schema;
    this.distinguisher = request.distinguisher;
    this.counts = request.counts;
    this.source = request.source;
    this.work = request.work;
    this.seats = Math.max(request.work.initialSeats, request.work.finalSeats);
    this.arrivedMs = at.nowMs;
    this.arrivedAt = at.progress;
    this.queue = at.queue;
  }
}

export interface TicketRequest {
  readonly schema: string;
  readonly distinguisher: string;
  readonly counts: SchemaCounts;
  readonly source: RequestSource;
  readonly work: WorkEstimate;
  /** Waits however many wait already, up to the limit of the level. */
  readonly isPatient: boolean;
}

/** How long a request runs that has not run yet, as it is guessed. */
export const SERVICE_SECONDS = 0.003;

/** What a request is expected to take, seat-seconds. */
export function totalWork({ initialSeats, finalSeats, additionalMs }: WorkEstimate): number {
  return initialSeats * SERVICE_SECONDS + (finalSeats * additionalMs) / 1000;
}

export class Queue {
  /** In the order in which they came. */
  readonly waiting = new Set<Ticket>();
  readonly executing = new Set<Ticket>();
  /** Of those that run, and of those whose answers are given and whose final seats are held. */
  seatsInUse = 0;
  /** The progress at which its next request is due, seat-seconds. */
  nextDispatch = 0;
  /** Of those that wait, seat-seconds. */
  workWaiting = 0;
  /** The queue is of no use any more, and goes when it is empty. */
  isSurplus = false;

  get isActive(): boolean {
    return this.waiting.size > 0 || this.executing.size > 0;
  }

  /** The request that has waited longest. */
  get first(): Ticket | undefined {
    return this.waiting.values().next().value;
  }

  add(ticket: Ticket): void {
    this.waiting.add(ticket);
    this.workWaiting += totalWork(ticket.work);
  }

  /** Answers false for a request that does not wait here. */
  remove(ticket: Ticket): boolean {
    if (!this.waiting.delete(ticket)) return false;
    // Without a rest of rounding where there is nothing.
    this.workWaiting = this.waiting.size === 0 ? 0 : this.workWaiting - totalWork(ticket.work);
    return true;
  }

  /** A queue is never due before the request that it has to give. */
  boundNextDispatch(): void {
    const { first } = this;
    if (first !== undefined && this.nextDispatch < first.arrivedAt)
      this.nextDispatch = first.arrivedAt;
  }
}
