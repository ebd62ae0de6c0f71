/** A priority level as it works: its limits, its seats and queues, and what it could have used. */
import type {
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '#api/gen/flowcontrol-v1.ts';
import type { Clock, Environment } from '#base/env.ts';
import type { LevelLimits } from './borrowing.ts';
import { dealProblem } from './dealer.ts';
import { SeatDemand } from './demand.ts';
import { DroppedRequests } from './dropped-requests.ts';
import { QueueSet, type Queuing } from './queue-set.ts';
import { Utilization } from './utilization.ts';

export const EXEMPT = 'exempt';
export const CATCH_ALL = 'catch-all';

/** Of the nominal limit; more of its seats no request takes. */
const REQUEST_SEATS_SHARE = 0.15;
/** Of the server's seats: what the use of a level is measured by that has none for now. */
const SEATLESS_SHARE = 1 / 10;

export class PriorityLevel {
  readonly name: string;
  readonly queues: QueueSet;
  readonly demand: SeatDemand;
  readonly utilization: Utilization;
  readonly dropped: DroppedRequests;
  uid = '';
  spec: PriorityLevelConfigurationSpec;
  limits: LevelLimits = { nominal: 0, min: 0, max: 0 };
  /** Seats of this period. */
  current = 0;
  /** Where the level would like to be. */
  target = 0;
  /** Nobody is sent here any more; it goes when the last one has left. */
  isQuiescing = false;
  readonly #clock: Clock;
  /** The last one: who waits when the queues go waits on. */
  #queueLength = 1;

  /** `onIdle`: is told when nobody is in the level. */
  constructor(
    name: string,
    spec: PriorityLevelConfigurationSpec,
    { clock, timers }: Environment,
    onIdle: (level: PriorityLevel) => void,
  ) {
    this.name = name;
    this.spec = spec;
    this.#clock = clock;
    this.demand = new SeatDemand(clock);
    this.utilization = new Utilization(clock.monotonicMs());
    this.dropped = new DroppedRequests(clock);
    this.queues = new QueueSet({
      clock,
      timers,
      onChange: (totals, nowMs) => {
        this.demand.set(totals.seatsInUse + totals.seatsWaiting, nowMs);
        this.utilization.set(totals, nowMs);
      },
      onIdle: () => onIdle(this),
    });
  }

  get isExempt(): boolean {
    return this.spec.type === 'Exempt';
  }

  /** Flows are told apart only where there are several queues for them. */
  get tellsFlowsApart(): boolean {
    return (this.spec.limited?.limitResponse?.queuing?.queues ?? 0) > 1;
  }

  get shares(): number {
    const { limited, exempt } = this.spec;
    return (limited ?? exempt)?.nominalConcurrencyShares ?? 0;
  }

  /** Seats that one request may take; 0 where nobody waits for them. */
  get requestSeatsMax(): number {
    const queuing = this.spec.limited?.limitResponse?.queuing;
    if (queuing === undefined) return 0;
    const { nominal } = this.limits;
    const share = Math.ceil(nominal * REQUEST_SEATS_SHARE);
    return Math.max(1, Math.min(share, Math.floor(nominal / queuing.handSize)));
  }

  /** Requests that may wait; 0 where nobody waits. */
  get waitingMax(): number {
    const queuing = this.spec.limited?.limitResponse?.queuing;
    return queuing === undefined ? 0 : queuing.queues * queuing.queueLengthLimit;
  }

  /** Gives the level so many seats for now, of `serverSeats` of the whole server. */
  setSeats(seats: number, serverSeats: number): void {
    this.current = seats;
    this.#queueLength =
      this.spec.limited?.limitResponse?.queuing?.queueLengthLimit ?? this.#queueLength;
    this.utilization.setLimits(
      {
        waiting: Math.max(1, this.waitingMax || this.#queueLength),
        seats: seats > 0 ? seats : Math.max(1, Math.round(serverSeats * SEATLESS_SHARE)),
      },
      this.#clock.monotonicMs(),
    );
    this.queues.configure(queuingOf(this.spec), seats);
  }
}

/** Why a level cannot be used as it is; undefined when it can. */
export function levelProblem({ metadata, spec }: PriorityLevelConfiguration): string | undefined {
  const isExempt = spec?.type === 'Exempt';
  if (spec === undefined || (spec.type === 'Limited') !== (spec.limited !== undefined))
    return 'broken union structure at the top, for Limited';
  if (isExempt !== (spec.exempt !== undefined))
    return 'broken union structure at the top, for Exempt';
  if (isExempt !== (metadata?.name === EXEMPT)) return 'non-alignment between name and type';
  const response = spec.limited?.limitResponse;
  if (response === undefined) return undefined;
  if ((response.type === 'Reject') !== (response.queuing === undefined))
    return 'broken union structure for limit response';
  const { queuing } = response;
  return queuing === undefined ? undefined : dealProblem(queuing.queues, queuing.handSize);
}

function queuingOf({ limited }: PriorityLevelConfigurationSpec): Queuing {
  if (limited === undefined) return 'exempt';
  return limited.limitResponse?.queuing ?? 'reject';
}
