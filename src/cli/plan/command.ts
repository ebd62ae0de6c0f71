/** `cox plan`: reads the change and the cluster, and shows what would come of it. */
import { readFileSync } from 'node:fs';
import { toYaml } from '#api/codec/yaml.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { turnOfLoop } from '#edge/environment.ts';
import { ManifestError, parseManifests } from '#plan/change/manifests.ts';
import { ReadError } from '#plan/live/read-cluster.ts';
import { plan } from '#plan/plan.ts';
import type { Plan } from '#plan/report/plan-result.ts';
import type { ClusterClient, ClusterFlags } from '../kube-client.ts';
import { UserError } from '../user-error.ts';
import { readTexts } from './files.ts';
import { planText } from './text.ts';

export interface PlanFlags extends ClusterFlags {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly delete?: boolean;
  readonly forceConflicts?: boolean;
  readonly drain?: string;
  readonly namespace?: string;
  readonly output?: 'json' | 'yaml';
  readonly seed: number;
  /** Milliseconds, as the other times. */
  readonly timeLimit: number;
  readonly podStart: number;
  readonly podStop: number;
}

export interface PlanAnswer {
  readonly text: string;
  /** 2 when something would be refused, or would not become ready; else 0. */
  readonly exitCode: 0 | 2;
}

/** Rejects with UserError. */
export async function planCommand(
  flags: PlanFlags,
  cluster: Pick<ClusterClient, 'client' | 'namespace'>,
  { nowMs = Date.now(), stdin = () => readFileSync(0, 'utf8') } = {},
): Promise<PlanAnswer> {
  const { filename = [], recursive = false, drain } = flags;
  if (filename.length === 0 && drain === undefined)
    throw new UserError('Say what would change: -f FILE, or --drain NODE.');
  try {
    const manifests = readTexts(filename, { recursive, stdin }).flatMap(({ name, text }) =>
      parseManifests(text, name),
    );
    if (manifests.length === 0 && drain === undefined)
      throw new UserError('no objects passed to apply');
    const answer = await plan({
      client: cluster.client,
      change: {
        manifests,
        action: flags.delete === true ? 'delete' : 'apply',
        namespace: flags.namespace ?? cluster.namespace,
        enforcesNamespace: flags.namespace !== undefined,
        forces: flags.forceConflicts === true,
        ...(drain === undefined ? {} : { drain }),
      },
      startMs: nowMs,
      seed: flags.seed,
      limitMs: flags.timeLimit,
      times: { startMs: flags.podStart, stopMs: flags.podStop },
      turn: turnOfLoop,
    });
    return { text: textOf(answer, flags.output), exitCode: isFine(answer) ? 0 : 2 };
  } catch (error) {
    if (isExplained(error)) throw new UserError(error.message);
    throw error;
  }
}

function isExplained(error: unknown): error is Error {
  return (
    error instanceof ReadError || error instanceof ManifestError || error instanceof StatusError
  );
}

function isFine({ refused, pending, rests }: Plan): boolean {
  return refused.length === 0 && pending.length === 0 && rests;
}

function textOf(answer: Plan, output: PlanFlags['output']): string {
  const object = answer as unknown as JsonObject;
  if (output === 'json') return `${JSON.stringify(object, null, 2)}\n`;
  return output === 'yaml' ? toYaml(object) : planText(answer);
}
