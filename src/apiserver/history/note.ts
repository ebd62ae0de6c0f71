/**
 * Who wrote a revision: the note that goes with each write into the store, and comes out of its
 * history. Short names, because it is stored with every write.
 */
import type { RequestContext } from '../context.ts';

/** Longer names are cut: a note must stay small beside the object. */
const NAME_MAX = 512;
const AGENT_MAX = 128;

const APPLY_TYPE = 'application/apply-patch';

/** Who wrote, with which verb, as far as it was recorded. */
export interface Author {
  readonly user?: string;
  readonly userAgent?: string;
  /** `create`, `update`, `patch`, `apply`, `delete`, `deletecollection`. */
  readonly verb?: string;
  readonly subresource?: string;
}

export function noteOf(context: RequestContext): string {
  const { verb, subresource } = context.info;
  const isApply = verb === 'patch' && context.header('content-type').startsWith(APPLY_TYPE);
  return JSON.stringify({
    u: context.user.name.slice(0, NAME_MAX),
    a: context.header('user-agent').slice(0, AGENT_MAX),
    v: isApply ? 'apply' : verb,
    ...(subresource === '' ? {} : { s: subresource }),
  });
}

/** Nothing is known of writes that were made without a request: an expired lease, another version. */
export function authorOf(note: string): Author {
  if (note === '') return {};
  const { u, a, v, s } = JSON.parse(note) as Readonly<Record<'u' | 'a' | 'v' | 's', string>>;
  return {
    ...(u ? { user: u } : {}),
    ...(a ? { userAgent: a } : {}),
    ...(v ? { verb: v } : {}),
    ...(s ? { subresource: s } : {}),
  };
}
