/**
 * Why a namespace that is being deleted is still there: what the namespace controller says, in other
 * words.
 *
 * Source: upstream pkg/controller/namespace/deletion/status_condition_utils.go, v1.36.
 */
import type { Namespace } from '#api/gen/core-v1.ts';
import type { Cause, Explanation } from './explanation.ts';

const HELP: Readonly<Record<string, string>> = {
  NamespaceContentRemaining: 'look at what is left: each object names what keeps it',
  NamespaceFinalizersRemaining: 'let whoever set the finalizers finish, or take them out',
  NamespaceDeletionDiscoveryFailure:
    'mend the API service that does not answer, or delete it: kubectl get apiservices',
  NamespaceDeletionGroupVersionParsingFailure: 'delete the API service with the bad version',
  NamespaceDeletionContentFailure: 'see what refuses the deletion: often an admission webhook',
};

export function explainNamespace({ metadata, spec, status }: Namespace): Explanation {
  const name = metadata?.name ?? '';
  if (metadata?.deletionTimestamp === undefined)
    return { sentence: `Namespace ${name} is active.`, causes: [], remedies: [] };
  const held = (status?.conditions ?? []).filter((condition) => condition.status === 'True');
  const causes: Cause[] = held.map(({ type, message }) => ({
    what: type,
    detail: message ?? '',
  }));
  const remedies = held.flatMap(({ type }) => (type in HELP ? [HELP[type] ?? ''] : []));
  if (causes.length > 0)
    return {
      sentence: `Namespace ${name} is deleted, and something in it does not go: ${causes.map(({ detail }) => detail).join('; ')}.`,
      causes,
      remedies,
    };
  const finalizers = [...(spec?.finalizers ?? []), ...(metadata.finalizers ?? [])];
  return {
    sentence: `Namespace ${name} is deleted; its controller has found nothing that stays.`,
    causes: finalizers.map((finalizer) => ({
      what: `finalizer ${finalizer}`,
      detail: 'not taken away yet',
    })),
    remedies: [],
  };
}
