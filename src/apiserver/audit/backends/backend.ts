/** Where audit events go. Backends lie in one another: what cuts, what gathers, what writes. */
import type { AuditEvent } from '../event.ts';

export interface AuditBackend {
  /**
   * Takes events. Answers false when one of them is lost and its request must not be served;
   * whoever loses events counts them itself. Never rejects.
   */
  process(events: readonly AuditEvent[]): boolean | Promise<boolean>;
  /** The server stops: what does not get through is tried a little longer, and no more. */
  hasten(): void;
  /** Resolves when all that was taken is where it belongs, or lost. Nothing comes after it. */
  stop(): Promise<void>;
}
