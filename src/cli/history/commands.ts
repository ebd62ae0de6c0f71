/** `cox history`, `cox diff` and `cox undelete`: what each asks the server, and shows. */
import { toYaml } from '#api/codec/yaml.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type { DiscoveredResource } from '#client/discovery.ts';
import { objectPath, queryOf } from '#client/paths.ts';
import { durationOf } from '../history-flags.ts';
import { resolveKind, targetOf } from '../kind-argument.ts';
import type { ClusterClient, ClusterFlags } from '../kube-client.ts';
import { UserError } from '../user-error.ts';
import type { ObjectDiff, ObjectHistory } from './answers.ts';
import { diffTable, historyTable } from './output.ts';

export interface ObjectFlags extends ClusterFlags {
  readonly namespace?: string;
  readonly output?: 'json' | 'yaml';
}

export interface HistoryCommandFlags extends ObjectFlags {
  readonly field?: string;
  readonly limit?: string;
  readonly before?: string;
}

export interface DiffFlags extends ObjectFlags {
  readonly from: string;
  readonly to?: string;
  readonly field?: string;
}

export interface UndeleteFlags extends ObjectFlags {
  readonly revision?: string;
  readonly dryRun?: boolean;
}

type Cluster = Pick<ClusterClient, 'client' | 'namespace'>;

const HISTORY = '/apis/history.coxswain.dev/v1';

export async function history(
  words: readonly string[],
  flags: HistoryCommandFlags,
  cluster: Cluster,
): Promise<string> {
  const { field, limit, before } = flags;
  return ask<ObjectHistory>(
    { words, flags, cluster },
    {
      request: { view: 'revisions', query: { field, limit, continue: before } },
      show: historyTable,
    },
  );
}

export async function diff(
  words: readonly string[],
  flags: DiffFlags,
  cluster: Cluster,
): Promise<string> {
  const query = { ...moment('from', flags.from), ...moment('to', flags.to), field: flags.field };
  return ask<ObjectDiff>(
    { words, flags, cluster },
    { request: { view: 'diffs', query }, show: diffTable },
  );
}

export async function undelete(
  words: readonly string[],
  flags: UndeleteFlags,
  cluster: Cluster,
): Promise<string> {
  const dryRun = flags.dryRun === true ? 'All' : undefined;
  const query = { ...revisionOrTime(flags.revision), dryRun };
  return ask<JsonObject>(
    { words, flags, cluster },
    {
      request: { view: 'undelete', query, method: 'POST' },
      show: (_, { kind, group }, name) =>
        `${[kind.toLowerCase(), group].filter((part) => part !== '').join('.')}/${name} undeleted${dryRun === undefined ? '' : ' (dry run)'}\n`,
    },
  );
}

interface Question<T> {
  readonly request: {
    readonly view: string;
    readonly query: Readonly<Record<string, string | undefined>>;
    readonly method?: 'POST';
  };
  readonly show: (answer: T, resource: DiscoveredResource, name: string) => string;
}

interface Asked {
  readonly words: readonly string[];
  readonly flags: ObjectFlags;
  readonly cluster: Cluster;
}

/** The answer about the object that the words name, as the flags want to see it. */
async function ask<T>(
  { words, flags, cluster }: Asked,
  { request, show }: Question<T>,
): Promise<string> {
  const { kind, name } = targetOf(words);
  const { client } = cluster;
  const resource = await resolveKind(client, kind);
  const target = { name, namespace: flags.namespace ?? cluster.namespace };
  const path = `${HISTORY}/${request.view}${objectPath(resource, target)}${queryOf(request.query)}`;
  try {
    const answer = JSON.parse(await client.raw(request.method ?? 'GET', path)) as T;
    if (flags.output === 'json') return `${JSON.stringify(answer, null, 2)}\n`;
    if (flags.output === 'yaml') return toYaml(answer as object);
    return show(answer, resource, name);
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  if (error.message === 'the server could not find the requested resource')
    return new UserError(
      'This cluster keeps no history: its API server has no history.coxswain.dev.',
    );
  return new UserError(`Error from server (${error.reason}): ${error.message}`);
}

/** `from=12`, or `fromTime=2026-01-01T00:00:00Z`; a duration means so long ago. */
function moment(side: string, text: string | undefined): Record<string, string> {
  const { revision, time } = revisionOrTime(text);
  return {
    ...(revision === undefined ? {} : { [side]: revision }),
    ...(time === undefined ? {} : { [`${side}Time`]: time }),
  };
}

function revisionOrTime(text: string | undefined): { revision?: string; time?: string } {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return { revision: text };
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return { time: text };
  try {
    return { time: new Date(Date.now() - durationOf(text)).toISOString() };
  } catch {
    throw new UserError(
      `Cannot read ${JSON.stringify(text)}: give a revision (4711), a time (2026-01-31T12:00:00Z), or how long ago (90m, 2d).`,
    );
  }
}
