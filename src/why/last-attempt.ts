/** What the scheduler found when it last tried the pod: each node's verdict, as it was then. */
import { timeText } from '#api/meta/time.ts';
import { fitErrorMessage } from '#scheduler/diagnosis.ts';
import type { Attempt } from '#scheduler/last-attempts.ts';

export interface LastAttempt {
  /** RFC 3339. */
  readonly time: string;
  /** As in the event and the condition of the pod. */
  readonly message: string;
  /** The plug-in that refused the node, and its words; the first that refused is the only one. */
  readonly verdicts: readonly {
    /** Absent: all nodes that are not named. */
    readonly node?: string;
    readonly plugin: string;
    readonly reasons: readonly string[];
  }[];
  /** Nodes beyond the most that are named. */
  readonly omittedNodes?: number;
}

const NODES_MAX = 1_000;

/** `namesNodes`: the asker may read nodes. */
export function lastAttemptOf(
  { diagnosis, atMs }: Attempt,
  { namesNodes }: { readonly namesNodes: boolean },
): LastAttempt {
  const { before, others } = diagnosis;
  const general = [before, others].flatMap((verdict) => (verdict === undefined ? [] : [verdict]));
  const onNodes = namesNodes ? [...diagnosis.verdicts].slice(0, NODES_MAX) : [];
  const omitted = namesNodes ? diagnosis.verdicts.size - onNodes.length : 0;
  return {
    time: timeText(atMs),
    message: fitErrorMessage(diagnosis),
    verdicts: [
      ...general.map(({ plugin, reasons }) => ({ plugin, reasons })),
      ...onNodes.map(([node, { plugin, reasons }]) => ({ node, plugin, reasons })),
    ],
    ...(omitted === 0 ? {} : { omittedNodes: omitted }),
  };
}
