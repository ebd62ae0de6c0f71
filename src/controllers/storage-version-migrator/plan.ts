/**
 * What is to be done about the migrations of one resource. Only one of them runs at a time, the
 * oldest first.
 *
 * Upstream: getSVMsForResource in pkg/controller/storageversionmigrator/migrationrunner.go, v1.36.
 */
import type { Condition } from '#api/gen/meta-v1.ts';
import type { StorageVersionMigration } from '#api/gen/storagemigration-v1beta1.ts';
import { timeText } from '#api/meta/time.ts';

export type MigrationCondition = 'Running' | 'Succeeded' | 'Failed';

export interface MigrationPlan {
  /** They have come to their end, and do not say so yet. */
  readonly ended: readonly StorageVersionMigration[];
  /** It starts now. */
  readonly next?: StorageVersionMigration;
  /** It goes on. */
  readonly running?: StorageVersionMigration;
}

export function planMigrations(all: readonly StorageVersionMigration[]): MigrationPlan {
  const isEnded = (migration: StorageVersionMigration): boolean =>
    isTrue(migration, 'Succeeded') || isTrue(migration, 'Failed');
  const ended = all.filter((migration) => isEnded(migration) && isTrue(migration, 'Running'));
  const open = all.filter((migration) => !isEnded(migration));
  const running = open.find((migration) => isTrue(migration, 'Running'));
  if (running !== undefined) return { ended, running };
  const [next] = open.toSorted(byAge);
  return next === undefined ? { ended } : { ended, next };
}

function byAge(left: StorageVersionMigration, right: StorageVersionMigration): number {
  const createdMs = ({ metadata }: StorageVersionMigration): number =>
    Date.parse(metadata?.creationTimestamp ?? '');
  const nameOf = ({ metadata }: StorageVersionMigration): string => metadata?.name ?? '';
  return createdMs(left) - createdMs(right) || (nameOf(left) < nameOf(right) ? -1 : 1);
}

export function isTrue({ status }: StorageVersionMigration, wanted: MigrationCondition): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True') === true
  );
}

export interface Said {
  readonly type: MigrationCondition;
  readonly status?: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** The migration with one more condition, or with that one said anew. `nowMs`: since 1970. */
export function withCondition(
  migration: StorageVersionMigration,
  { type, status = 'True', reason, message }: Said,
  nowMs: number,
): StorageVersionMigration {
  const conditions = migration.status?.conditions ?? [];
  const lastTransitionTime = timeText(nowMs);
  const condition: Condition = { type, status, lastTransitionTime, reason, message };
  const at = conditions.findIndex((one) => one.type === type);
  const next = at < 0 ? [...conditions, condition] : conditions.with(at, condition);
  return { ...migration, status: { ...migration.status, conditions: next } };
}
