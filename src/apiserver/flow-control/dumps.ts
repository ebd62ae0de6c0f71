/**
 * Who runs and who waits, for people: `/debug/api_priority_and_fairness/…`.
 *
 * Source: upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go, and Go's text/tabwriter
 * for the widths.
 */
import { formatDuration } from '#api/codec/duration.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { RequestInfo } from '../request-info.ts';
import { textResponse } from '../respond.ts';
import type { FlowControl } from './flow-control.ts';
import type { PriorityLevel } from './priority-level.ts';
import type { Ticket } from './queue.ts';

const PREFIX = '/debug/api_priority_and_fairness/';

type Row = readonly (string | number | boolean)[];

/** `nowMs` and `monotonicMs`: the same moment by both clocks. Undefined for another path. */
export function flowControlDump(
  control: FlowControl,
  { path, query }: Pick<RequestInfo, 'path' | 'query'>,
  clocks: { readonly nowMs: number; readonly monotonicMs: number },
): HttpResponse | undefined {
  if (!path.startsWith(PREFIX)) return undefined;
  switch (path.slice(PREFIX.length)) {
    case 'dump_priority_levels':
      return page(LEVEL_COLUMNS, control.levels.map(levelRow));
    case 'dump_queues':
      return page(QUEUE_COLUMNS, control.levels.flatMap(queueRows));
    case 'dump_requests': {
      const detailed = (query.get('includeRequestDetails') ?? '') !== '';
      const columns = detailed ? [...REQUEST_COLUMNS, ...DETAIL_COLUMNS] : REQUEST_COLUMNS;
      const offsetMs = clocks.nowMs - clocks.monotonicMs;
      const rows = control.levels.flatMap((level) =>
        ticketsOf(level).map(([ticket, ...place]) => [
          level.name,
          ...requestRow(ticket, place, offsetMs),
          ...(detailed ? detailRow(ticket) : []),
        ]),
      );
      return page(columns, rows);
    }
    default:
      return undefined;
  }
}

const LEVEL_COLUMNS = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
];

function levelRow({ name, queues, isQuiescing }: PriorityLevel): Row {
  const { waiting, executing, dispatched, rejected, timedOut, cancelled } = queues.totals;
  const active = queues.queues.filter((queue) => queue.waiting.size > 0).length;
  return [
    name,
    active,
    queues.isIdle,
    isQuiescing,
    waiting,
    executing,
    dispatched,
    rejected,
    timedOut,
    cancelled,
  ];
}

const QUEUE_COLUMNS = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
];

function queueRows({ name, queues }: PriorityLevel): Row[] {
  return queues.queues.map((queue, i) => {
    const waiting = [...queue.waiting];
    return [
      name,
      i,
      waiting.length,
      queue.executing.size,
      queue.seatsInUse,
      seatSeconds(queue.nextDispatch),
      waiting.reduce((sum, { work }) => sum + work.initialSeats, 0),
      waiting.reduce((sum, { seats }) => sum + seats, 0),
      seatSeconds(queue.workWaiting),
    ];
  });
}

const REQUEST_COLUMNS = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
];
const DETAIL_COLUMNS = [
  'UserName',
  'Verb',
  'APIPath',
  'Namespace',
  'Name',
  'APIVersion',
  'Resource',
  'SubResource',
];

type Place = readonly [queue: number, position: number];

/** With the queue and the place in it; -1 for none. */
function ticketsOf({ queues }: PriorityLevel): (readonly [Ticket, ...Place])[] {
  return [
    ...queues.queues.flatMap(({ waiting, executing }, queue) => [
      ...[...waiting].map((ticket, at) => [ticket, queue, at] as const),
      ...[...executing].map((ticket) => [ticket, queue, -1] as const),
    ]),
    ...[...queues.queueless].map((ticket) => [ticket, -1, -1] as const),
  ];
}

function requestRow(ticket: Ticket, [queue, position]: Place, offsetMs: number): Row {
  const { schema, distinguisher, work, arrivedMs, startedMs } = ticket;
  return [
    schema,
    queue,
    position,
    distinguisher,
    timeOf(offsetMs + arrivedMs),
    work.initialSeats,
    work.finalSeats,
    formatDuration(Math.round(work.additionalMs * 1e6)),
    startedMs === undefined ? ZERO_TIME : timeOf(offsetMs + startedMs),
  ];
}

/** As Go writes a time that is none. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');
}

function detailRow({ source: { user, info } }: Ticket): Row {
  return [
    user.name,
    info.verb,
    info.path,
    info.namespace,
    info.name,
    info.version === '' ? '' : apiVersionOf(info),
    info.resource,
    info.subresource,
  ];
}

function seatSeconds(value: number): string {
  return `${value.toFixed(8)}ss`;
}

/** Columns end with a comma, and are as wide as their widest cell and one space. */
function page(columns: readonly string[], rows: readonly Row[]): HttpResponse {
  const table = [columns, ...rows].map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? String(cell) : `${cell},`)),
  );
  const widths = columns.map((_, i) =>
    Math.max(8, ...table.map((row) => (row[i] ?? '').length + 1)),
  );
  const lines = table.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join(''),
  );
  return textResponse(200, `${lines.join('\n')}\n`);
}
