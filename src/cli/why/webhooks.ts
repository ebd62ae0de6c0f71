/** `cox why webhooks`: what admission webhooks cost, and what they refused. */
import { MUTATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/mutating-webhook-configuration.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/validating-webhook-configuration.ts';
import { toYaml } from '#api/codec/yaml.ts';
import type { Json } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import type { RestClient } from '#client/rest.ts';
import { refusals, type WebhookReport, webhookReports } from '#why/webhooks.ts';
import { oneLine, tableLines } from '../table-lines.ts';
import { UserError } from '../user-error.ts';

const HEAD = ['WEBHOOK', 'TYPE', 'CALLS', 'P50', 'P99', 'DENIED', 'FAILED', 'IGNORED', 'POLICY'];

/** The text to print. Rejects with UserError. */
export async function whyWebhooks(
  client: RestClient,
  output: 'json' | 'yaml' | undefined,
): Promise<string> {
  try {
    const [metrics, mutating, validating] = await Promise.all([
      client.raw('GET', '/metrics'),
      client.list(MUTATING_WEBHOOK_CONFIGURATION),
      client.list(VALIDATING_WEBHOOK_CONFIGURATION),
    ]);
    const sources = { metrics, mutating: mutating.items, validating: validating.items };
    return textOf(webhookReports(sources), output);
  } catch (error) {
    if (error instanceof StatusError) throw new UserError(error.message);
    throw error;
  }
}

function textOf(reports: readonly WebhookReport[], output: 'json' | 'yaml' | undefined): string {
  const object = { webhooks: reports } as unknown as Json;
  if (output === 'json') return `${JSON.stringify(object, null, 2)}\n`;
  if (output === 'yaml') return toYaml(object);
  if (reports.length === 0) return 'No admission webhook is configured, and none was asked.\n';
  const rows = reports.map((report) => rowOf(report).map(oneLine));
  const notes = reports.flatMap(notesOf);
  const lines = [sentenceOf(reports), '', ...tableLines([HEAD, ...rows])];
  return `${[...lines, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')}\n`;
}

function sentenceOf(reports: readonly WebhookReport[]): string {
  const refused = reports.reduce((sum, report) => sum + refusals(report), 0);
  const words = refused === 1 ? '1 write was' : `${refused} writes were`;
  return `Since the API server started, ${words} refused because of admission webhooks.`;
}

function rowOf(report: WebhookReport): string[] {
  const { name, type, calls, p50Seconds, p99Seconds, denied, failed, internal, ignored } = report;
  const figures = [denied, failed + internal, ignored].map(String);
  const policy = report.failurePolicy ?? '(gone)';
  return [name, type, String(calls), within(p50Seconds), within(p99Seconds), ...figures, policy];
}

/** By the buckets of a histogram: no more is known. */
function within(seconds: number | null | undefined): string {
  if (seconds === undefined) return '-';
  if (seconds === null) return '>25s';
  return seconds < 1 ? `≤${Math.round(seconds * 1000)}ms` : `≤${seconds}s`;
}

const NO_ANSWER = '503';

function notesOf(report: WebhookReport): string[] {
  const { name, failedByCode, configurations, timeoutSeconds = 0, p99Seconds } = report;
  const codes = Object.entries(failedByCode).map(([code, count]) =>
    code === NO_ANSWER ? `no answer that can be used ${count}` : `HTTP ${code} ${count}`,
  );
  const where = configurations.length === 0 ? '' : ` (of ${configurations.join(', ')})`;
  const failures = codes.length === 0 ? [] : [`${name}${where} failed: ${codes.join(', ')}.`];
  const isSlow = p99Seconds === null || (p99Seconds ?? 0) >= 1;
  const slow = isSlow
    ? [`${name}${where} makes writes slow: it may take ${timeoutSeconds} s, all together 30 s.`]
    : [];
  return [...failures, ...slow].map(oneLine);
}
