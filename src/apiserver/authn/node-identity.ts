/**
 * Which node a user is.
 *
 * Source: Kubernetes documentation, "Using Node Authorization"; upstream pkg/auth/nodeidentifier.
 */
import type { User } from '../context.ts';

const USER_PREFIX = 'system:node:';
export const NODES_GROUP = 'system:nodes';

/** The node's name; empty for a node without a name; undefined for who is no node. */
export function nodeNameOf({ name, groups }: User): string | undefined {
  return name.startsWith(USER_PREFIX) && groups.includes(NODES_GROUP)
    ? name.slice(USER_PREFIX.length)
    : undefined;
}
