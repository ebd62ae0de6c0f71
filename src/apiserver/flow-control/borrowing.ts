/**
 * How many seats each priority level has for the next period: who needs more borrows from those who
 * need less, within the limits of both.
 *
 * Source: KEP-1040, "Seat Borrowing"; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go (updateBorrowingLocked).
 */
import { allocate } from './allocation.ts';

export interface LevelLimits {
  readonly nominal: number;
  /** What it cannot lend. */
  readonly min: number;
  /** What it has with all that it may borrow. */
  readonly max: number;
}

export interface LevelNeed extends LevelLimits {
  readonly isExempt: boolean;
  readonly highWatermark: number;
  readonly smoothed: number;
  /** What it has now. */
  readonly current: number;
}

export interface Borrowing {
  /** In the order of the levels. */
  readonly seats: readonly number[];
  /** Where each level would like to be. */
  readonly targets: readonly number[];
  readonly fraction: number;
}

export function borrow(levels: readonly LevelNeed[]): Borrowing {
  const total = sum(levels.map(({ nominal }) => nominal));
  const floors = levels.map(floorOf);
  const limited = levels.filter(({ isExempt }) => !isExempt);
  const left = total - sum(floors.filter((_, i) => levels[i]?.isExempt === true));
  const minSum = sum(limited.map(({ min }) => min));
  const floorSum = sum(limited.map(floorOf));
  const targets = levels.map(({ smoothed }, i) => Math.max(floors[i] ?? 0, smoothed));
  const withFloors = (seatsOf: (level: LevelNeed, i: number) => number): number[] =>
    levels.map((level, i) => (level.isExempt ? (floors[i] ?? 0) : Math.round(seatsOf(level, i))));
  if (left <= minSum) return { seats: withFloors(({ min }) => min), targets, fraction: 0 };
  if (left <= floorSum) {
    const part = (left - minSum) / (floorSum - minSum);
    const seats = withFloors(({ min }, i) => min + Math.round(((floors[i] ?? 0) - min) * part));
    return { seats, targets, fraction: 0 };
  }
  const found = allocate(
    total,
    limited.map((level) => ({
      lower: floorOf(level),
      upper: level.max,
      target: Math.max(floorOf(level), level.smoothed),
    })),
  );
  let next = 0;
  const seats = withFloors(({ current }) => found?.seats[next++] ?? current);
  return { seats, targets, fraction: found?.fraction ?? 0 };
}

/** What a level keeps whatever others need: what it has used, up to what is its own. */
function floorOf({ isExempt, min, nominal, highWatermark }: LevelNeed): number {
  return Math.max(min, isExempt ? highWatermark : Math.min(nominal, highWatermark));
}

/** What a level may have, of the server's `total`, where all levels together have `shareSum`. */
export function limitsOf(
  total: number,
  shareSum: number,
  {
    shares,
    lendablePercent = 0,
    borrowingLimitPercent,
  }: {
    readonly shares: number;
    readonly lendablePercent?: number | undefined;
    /** Undefined: as much as there is. */
    readonly borrowingLimitPercent?: number | undefined;
  },
): LevelLimits {
  const nominal = shareSum === 0 ? 0 : Math.ceil((total * shares) / shareSum);
  const lendable = Math.round((nominal * lendablePercent) / 100);
  const borrowable =
    borrowingLimitPercent === undefined
      ? total
      : Math.round((nominal * borrowingLimitPercent) / 100);
  return { nominal, min: nominal - lendable, max: nominal + borrowable };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
