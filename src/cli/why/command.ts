/** `cox why`: asks, and shows a sentence, then a table by cause, then what would help. */
import { toYaml } from '#api/codec/yaml.ts';
import { POD } from '#api/core/pod.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { isNotFound, isStatus, StatusError } from '#api/meta/status.ts';
import { objectPath } from '#client/paths.ts';
import type { RestClient } from '#client/rest.ts';
import { realEnvironment } from '#edge/environment.ts';
import { explain, type Subject } from '#why/explain.ts';
import type { Explanation } from '#why/explanation.ts';
import { resolveKind, targetOf } from '../kind-argument.ts';
import type { ClusterClient, ClusterFlags } from '../kube-client.ts';
import { oneLine, tableLines } from '../table-lines.ts';
import { UserError } from '../user-error.ts';

export interface WhyFlags extends ClusterFlags {
  readonly namespace?: string;
  readonly output?: 'json' | 'yaml';
}

/** The word that asks about all admission webhooks. */
const WEBHOOKS = 'webhooks';
const EXPLANATIONS = '/apis/why.coxswain.dev/v1/explanations';

/** The text to print. Rejects with UserError. */
export async function why(
  words: readonly string[],
  flags: WhyFlags,
  { client, namespace }: Pick<ClusterClient, 'client' | 'namespace'>,
): Promise<string> {
  if (words.length === 1 && words[0] === WEBHOOKS) {
    const { whyWebhooks } = await import('./webhooks.ts');
    return whyWebhooks(client, flags.output);
  }
  const { kind, name } = targetOf(words);
  const type = await resolveKind(client, kind);
  const subject = {
    type,
    name,
    ...(type.namespaced ? { namespace: flags.namespace ?? namespace } : {}),
  };
  try {
    const explanation =
      (await asked(client, subject)) ?? (await explain(client, subject, realEnvironment()));
    if (explanation === undefined)
      throw new UserError(
        `Cannot explain ${type.plural} that are not being deleted: cox why explains ${POD.plural}, workloads that lack some, ${NAMESPACE.plural}, webhooks, and whatever does not go away.`,
      );
    return textOf(explanation, flags.output);
  } catch (error) {
    if (error instanceof StatusError) throw new UserError(error.message);
    throw error;
  }
}

/** What the server says; undefined when it has no such group, or nothing to say. */
async function asked(
  client: RestClient,
  { type, ...target }: Subject,
): Promise<Explanation | undefined> {
  try {
    const text = await client.raw('GET', `${EXPLANATIONS}${objectPath(type, target)}`);
    const { sentence, causes, remedies, note, lastAttempt } = JSON.parse(text) as Explanation;
    return {
      sentence,
      causes,
      remedies,
      ...(note === undefined ? {} : { note }),
      ...(lastAttempt === undefined ? {} : { lastAttempt }),
    };
  } catch (error) {
    if (isNotFound(error) || isStatus(error, 'BadRequest')) return undefined;
    throw error;
  }
}

function textOf(explanation: Explanation, output: WhyFlags['output']): string {
  const object = explanation as unknown as JsonObject;
  if (output === 'json') return `${JSON.stringify(object, null, 2)}\n`;
  if (output === 'yaml') return toYaml(object);
  const { sentence, causes, remedies, note, lastAttempt } = explanation;
  const rows = causes.map(({ what, detail }) => [what, detail].map(oneLine));
  const table = rows.length === 0 ? [] : ['', ...tableLines([['CAUSE', 'DETAIL'], ...rows])];
  const help =
    remedies.length === 0 ? [] : ['', 'What would help:', ...remedies.map((text) => `  - ${text}`)];
  const last =
    lastAttempt === undefined
      ? []
      : ['', `The scheduler last tried at ${lastAttempt.time}: ${oneLine(lastAttempt.message)}`];
  const noted = note === undefined ? [] : ['', oneLine(note)];
  return `${[oneLine(sentence), ...table, ...help, ...noted, ...last].join('\n')}\n`;
}
