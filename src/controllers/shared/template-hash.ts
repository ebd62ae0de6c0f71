/**
 * The hash that names ReplicaSets, and revisions of DaemonSets, after their template: the same template gives the same name.
 *
 * As upstream a 32-bit FNV-1a in letters that spell no words; upstream hashes a dump of Go
 * structures, here it is JSON with sorted keys, so the names differ from upstream's and agree among
 * ourselves. Upstream: ComputeHash in pkg/controller/controller_utils.go, v1.36.
 */
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** `collisionCount` is raised when another template already has the name. */
export function templateHash(
  template: PodTemplateSpec,
  collisionCount: number | undefined,
): string {
  const bytes = Buffer.from(`${canonicalJson(template)}${collisionCount ?? ''}`);
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return inLetters(hash);
}

/** A number in letters that spell no words. Upstream: SafeEncodeString of apimachinery's rand. */
export function inLetters(hash: number): string {
  return String(hash).replace(/\d/g, (digit) =>
    LETTERS.charAt(digit.charCodeAt(0) % LETTERS.length),
  );
}

/** JSON with sorted keys, without what is absent or null. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    const entries = Object.entries(member).filter(
      ([, field]) => field !== null && field !== undefined,
    );
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
