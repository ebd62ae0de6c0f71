/**
 * The flags that say what is audited, and where events go: upstream's names and defaults.
 *
 * Source: the kube-apiserver reference for v1.36; upstream
 * staging/src/k8s.io/apiserver/pkg/server/options/audit.go.
 */
import { bool, decimal, duration, integer, text } from '../flags.ts';

export const AUDIT_FLAGS = {
  'audit-policy-file': text('', 'the audit policy; nothing is audited without it'),
  'audit-log-path': text('', 'the file that events are written to; - is standard output'),
  'audit-log-maxage': integer('366', 'days that old files are kept; 0 keeps them'),
  'audit-log-maxbackup': integer('100', 'old files that are kept; 0 keeps all'),
  'audit-log-maxsize': integer('100', 'megabytes of a file before the next begins; 0 is no limit'),
  'audit-log-format': text('json', 'json or legacy'),
  'audit-log-version': text('audit.k8s.io/v1', 'the version of the events'),
  'audit-log-compress': bool('false', 'compress old files'),
  'audit-log-mode': text('blocking', 'batch, blocking or blocking-strict'),
  'audit-log-batch-buffer-size': integer('10000', 'events that may wait; counts in mode batch'),
  'audit-log-batch-max-size': integer('1', 'events that go out together; counts in mode batch'),
  'audit-log-batch-max-wait': duration('0s', 'how long they gather; counts in mode batch'),
  'audit-log-batch-throttle-enable': bool('false', 'limit the rate of batches'),
  'audit-log-batch-throttle-qps': decimal('0', 'batches in a second'),
  'audit-log-batch-throttle-burst': integer('0', 'batches at once after a rest'),
  'audit-log-truncate-enabled': bool('false', 'cut events and batches that are too large'),
  'audit-log-truncate-max-batch-size': integer('10485760', 'bytes of a batch'),
  'audit-log-truncate-max-event-size': integer('102400', 'bytes of an event'),
  'audit-webhook-config-file': text('', 'a kubeconfig: the webhook that events are sent to'),
  'audit-webhook-initial-backoff': duration('10s', 'the wait before a second attempt'),
  'audit-webhook-batch-initial-backoff': duration('10s', 'the old name of the same'),
  'audit-webhook-version': text('audit.k8s.io/v1', 'the version of the events'),
  'audit-webhook-mode': text('batch', 'batch, blocking or blocking-strict'),
  'audit-webhook-batch-buffer-size': integer('10000', 'events that may wait'),
  'audit-webhook-batch-max-size': integer('400', 'events that go out together'),
  'audit-webhook-batch-max-wait': duration('30s', 'how long they gather'),
  'audit-webhook-batch-throttle-enable': bool('true', 'limit the rate of batches'),
  'audit-webhook-batch-throttle-qps': decimal('10', 'batches in a second'),
  'audit-webhook-batch-throttle-burst': integer('15', 'batches at once after a rest'),
  'audit-webhook-truncate-enabled': bool('false', 'cut events and batches that are too large'),
  'audit-webhook-truncate-max-batch-size': integer('10485760', 'bytes of a batch'),
  'audit-webhook-truncate-max-event-size': integer('102400', 'bytes of an event'),
};
