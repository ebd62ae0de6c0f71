/**
 * What the audit flags mean: files read, values checked.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/server/options/audit.go; the messages are
 * its.
 */
import { readPolicy } from '#api/audit/read-policy.ts';
import { API_VERSION } from '#api/audit/policy.ts';
import { ConfigError } from '#api/component-config/error.ts';
import {
  type AuditOptions,
  type DeliveryOptions,
  type Format,
  FORMATS,
  type LogOptions,
  type Mode,
  MODES,
  type WebhookOptions,
} from '#apiserver/audit/options.ts';
import type { Environment } from '#base/env.ts';
import { httpClient } from '#edge/http-client.ts';
import { readFile } from '../flags.ts';
import { readAccess } from '../kube-client.ts';
import { UserError } from '../user-error.ts';
import { auditLogFile, standardOutput } from './audit-log-file.ts';
import type { Flags } from './flags.ts';

/** Undefined where there is no policy. Throws UserError that names the flag. */
export function auditOptions(flags: Flags, environment: Environment): AuditOptions | undefined {
  checkLog(flags);
  checkWebhook(flags);
  const path = flags.text('audit-policy-file');
  if (path === '') return undefined;
  const policy = policyIn(path);
  const log = flags.text('audit-log-path') === '' ? undefined : logOf(flags, environment);
  const webhook = flags.text('audit-webhook-config-file') === '' ? undefined : webhookOf(flags);
  return {
    policy,
    ...(log === undefined ? {} : { log }),
    ...(webhook === undefined ? {} : { webhook }),
  };
}

/** Throws UserError that says what is wrong with the policy in the file at `path`. */
function policyIn(path: string): AuditOptions['policy'] {
  const text = readFile(path);
  try {
    return readPolicy(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UserError(`loading audit policy file: ${error.message}: from file ${path}`);
  }
}

type Plugin = 'log' | 'webhook';

function checkLog(flags: Flags): void {
  if (flags.text('audit-log-path') === '') return;
  checkDelivery(flags, 'log');
  const format = flags.text('audit-log-format');
  if (!isOneOf(FORMATS, format))
    throw new UserError(
      `invalid audit log format ${format}, allowed formats are "${FORMATS.join(',')}"`,
    );
  for (const name of ['maxage', 'maxbackup', 'maxsize'] as const) {
    const value = flags.number(`audit-log-${name}`);
    if (value < 0) throw new UserError(`--audit-log-${name} ${value} can't be a negative number`);
  }
}

function checkWebhook(flags: Flags): void {
  if (flags.text('audit-webhook-config-file') !== '') checkDelivery(flags, 'webhook');
}

function checkDelivery(flags: Flags, plugin: Plugin): void {
  const mode = flags.text(`audit-${plugin}-mode`);
  if (!isOneOf(MODES, mode))
    throw new UserError(
      `invalid audit ${plugin} mode ${mode}, allowed modes are "${MODES.join(',')}"`,
    );
  if (mode === 'batch') checkBatch(flags, plugin);
  const eventBytes = flags.number(`audit-${plugin}-truncate-max-event-size`);
  const batchBytes = flags.number(`audit-${plugin}-truncate-max-batch-size`);
  if (eventBytes <= 0)
    throw new UserError(
      `invalid audit truncate ${plugin} max event size ${eventBytes}, must be a positive number`,
    );
  if (batchBytes < eventBytes)
    throw new UserError(
      `invalid audit truncate ${plugin} max batch size ${batchBytes}, must be greater than max event size (${eventBytes})`,
    );
  if (flags.text(`audit-${plugin}-version`) !== API_VERSION)
    throw new UserError(`invalid group version, allowed versions are ["${API_VERSION}"]`);
}

function checkBatch(flags: Flags, plugin: Plugin): void {
  const isThrottled = flags.isOn(`audit-${plugin}-batch-throttle-enable`);
  const numbers = [
    ['buffer size', 'buffer-size'],
    ['max batch size', 'max-size'],
    ...(isThrottled
      ? ([
          ['throttle QPS', 'throttle-qps'],
          ['throttle burst', 'throttle-burst'],
        ] as const)
      : []),
  ] as const;
  for (const [what, name] of numbers) {
    const value = flags.number(`audit-${plugin}-batch-${name}`);
    if (value <= 0)
      throw new UserError(
        `invalid audit batch ${plugin} ${what} ${value}, must be a positive number`,
      );
  }
}

function deliveryOf(flags: Flags, plugin: Plugin): DeliveryOptions {
  const throttle = {
    perSecond: flags.number(`audit-${plugin}-batch-throttle-qps`),
    burst: flags.number(`audit-${plugin}-batch-throttle-burst`),
  };
  return {
    mode: flags.text(`audit-${plugin}-mode`) as Mode,
    batch: {
      bufferSize: flags.number(`audit-${plugin}-batch-buffer-size`),
      maxSize: flags.number(`audit-${plugin}-batch-max-size`),
      maxWaitMs: flags.milliseconds(`audit-${plugin}-batch-max-wait`),
      ...(flags.isOn(`audit-${plugin}-batch-throttle-enable`) ? { throttle } : {}),
    },
    ...(flags.isOn(`audit-${plugin}-truncate-enabled`)
      ? {
          truncate: {
            maxBatchBytes: flags.number(`audit-${plugin}-truncate-max-batch-size`),
            maxEventBytes: flags.number(`audit-${plugin}-truncate-max-event-size`),
          },
        }
      : {}),
  };
}

function logOf(flags: Flags, environment: Environment): LogOptions {
  const path = flags.text('audit-log-path');
  return {
    ...deliveryOf(flags, 'log'),
    format: flags.text('audit-log-format') as Format,
    output:
      path === '-'
        ? standardOutput()
        : auditLogFile({
            path,
            environment,
            maxBytes: flags.number('audit-log-maxsize') * 1024 * 1024,
            maxBackups: flags.number('audit-log-maxbackup'),
            maxAgeDays: flags.number('audit-log-maxage'),
            compress: flags.isOn('audit-log-compress'),
          }),
  };
}

function webhookOf(flags: Flags): WebhookOptions {
  const { connection, tls, token } = readAccess(flags.text('audit-webhook-config-file'));
  const { host, port, basePath } = connection;
  const client = httpClient({
    host,
    port,
    noticesFaults: true,
    ...(connection.tls ? { tls } : {}),
    ...(token === undefined ? {} : { headers: () => ({ authorization: `Bearer ${token()}` }) }),
  });
  const backoff = flags.isGiven('audit-webhook-initial-backoff')
    ? 'audit-webhook-initial-backoff'
    : 'audit-webhook-batch-initial-backoff';
  return {
    ...deliveryOf(flags, 'webhook'),
    handler: client.handler,
    url: basePath === '' ? '/' : basePath,
    initialBackoffMs: flags.milliseconds(backoff),
  };
}

function isOneOf(known: readonly string[], value: string): boolean {
  return known.includes(value);
}
