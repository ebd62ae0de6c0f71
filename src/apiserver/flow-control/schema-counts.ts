/** What has become of the requests of one FlowSchema in one priority level. Plain numbers: all count here. */

export type RejectReason = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

export class SchemaCounts {
  readonly level: string;
  readonly schema: string;
  dispatched = 0;
  readonly rejected = new Map<RejectReason, number>();
  waitingRequests = 0;
  waitingSeats = 0;
  executingRequests = 0;
  executingSeats = 0;
  /** A request was due and had to wait for seats. */
  notAccommodated = 0;

  constructor(level: string, schema: string) {
    this.level = level;
    this.schema = schema;
  }

  reject(reason: RejectReason): void {
    this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1);
  }
}
