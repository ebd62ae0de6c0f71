/** What becomes of a write, the same in every store: expected or not, its event, the errors. */
import { StoreError, type StoredValue, type StoreEvent, type Write } from './store.ts';

/** `{ [name]: value }`, or nothing when there is no value: an absent field is left out. */
export function given<N extends string, T>(name: N, value: T | undefined): { [key in N]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [key in N]?: T });
}

/** Whether `write` may happen where `found` is what is there. */
export function isAsExpected(
  write: Pick<Write, 'type' | 'expected'>,
  found: Pick<StoredValue, 'modRevision'> | undefined,
): boolean {
  if (write.type === 'delete' && found === undefined) return false;
  return write.expected === undefined || write.expected === (found?.modRevision ?? 0);
}

/** What a watch is told of a write that happened. */
export function eventOf(
  write: Write,
  revision: number,
  previous: StoredValue | undefined,
): StoreEvent {
  return {
    type: write.type,
    key: write.key,
    value: write.type === 'put' ? write.value : (previous?.value ?? new Uint8Array(0)),
    revision,
    createRevision: previous?.createRevision ?? revision,
    ...given('previous', previous?.value),
  };
}

export function futureError(revision: number, newest: number): StoreError {
  return new StoreError('future', `Revision ${revision} is in the future: the newest is ${newest}`);
}

export function compactedError(revision: number, compacted: number): StoreError {
  return new StoreError(
    'compacted',
    `Revision ${revision} has been compacted: the oldest kept is ${compacted}`,
  );
}

/** A time before the history's beginning. */
export function timeTooOldError(oldestMs: number): StoreError {
  const oldest = new Date(oldestMs).toISOString();
  return new StoreError('compacted', `The history reaches back to ${oldest}`);
}
