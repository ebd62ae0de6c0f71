/**
 * How wide a request is: lists by what they read, writes by who watches what they change.
 *
 * Source: upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/request/{width,list_work_estimator,mutating_work_estimator}.go.
 */
import { attributesFor } from '../authz/authorizer.ts';
import { ANONYMOUS } from '../context.ts';
import { isTrue, type RequestInfo } from '../request-info.ts';
import type { WorkEstimate } from './queue.ts';

const OBJECTS_PER_SEAT = 100;
const BYTES_PER_SEAT = 100_000;
/** What a list from the cache has in memory at a time, at most: it is sent in pieces. */
const CACHED_LIST_BYTES_MAX = 1_000_000;
const WATCHES_PER_SEAT = 10;
/** How long a seat is held for the watches that it is for. */
const EVENT_MS = 5;
const LIST_SEATS_MAX = { byObjects: 10, bySize: 100 };
const WRITE_SEATS_MAX = 10;

const ONE_SEAT: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };

export interface CollectionSize {
  readonly objects: number;
  /** Of all of them. */
  readonly bytes: number;
}

export interface WorkFacts {
  /** Undefined for a resource of another server, or none. */
  sizeOf(info: RequestInfo): CollectionSize | undefined;
  /** Watches that a write of `info` may be told of. */
  watchesOf(info: RequestInfo): number;
  /** The gate SizeBasedListCostEstimate. */
  readonly bySize: boolean;
  /** The gate WatchList. */
  readonly watchList: boolean;
}

/** `seatsMax`: what a request of its level may take; 0 where the level says nothing. */
export function estimateWork(
  info: RequestInfo,
  facts: WorkFacts,
  seatsMax: number,
): { readonly work: WorkEstimate; readonly watches?: number } {
  if (!info.isResourceRequest) return { work: ONE_SEAT };
  switch (info.verb) {
    case 'list':
      return { work: listWork(info, facts, seatsMax) };
    case 'watch':
      return { work: facts.watchList ? listWork(info, facts, seatsMax) : ONE_SEAT };
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return writeWork(info, facts, seatsMax);
    default:
      return { work: ONE_SEAT };
  }
}

function listWork(info: RequestInfo, facts: WorkFacts, seatsMax: number): WorkEstimate {
  const { query, verb } = info;
  if (verb === 'watch' && !beginsWithObjects(query)) return ONE_SEAT;
  const size = facts.sizeOf(info);
  if (size === undefined) return ONE_SEAT;
  const list = {
    limit: Number(query.get('limit') ?? 0),
    isOne: nameOf(info) !== '',
    isFromCache: verb === 'watch' || !readsStore(query),
    isSelective: (query.get('fieldSelector') ?? '') + (query.get('labelSelector') ?? '') !== '',
  };
  const seats = facts.bySize ? seatsBySize(size, list) : seatsByObjects(size, list);
  const own = facts.bySize ? LIST_SEATS_MAX.bySize : LIST_SEATS_MAX.byObjects;
  const most = seatsMax === 0 ? own : Math.min(seatsMax, own);
  const initialSeats = Math.min(Math.max(seats, 1), most);
  return initialSeats === 1 ? ONE_SEAT : { initialSeats, finalSeats: 0, additionalMs: 0 };
}

function beginsWithObjects(query: URLSearchParams): boolean {
  const version = query.get('resourceVersion') ?? '';
  const initial = query.get('sendInitialEvents');
  return (initial !== null && isTrue(initial)) || version === '' || version === '0';
}

/** The one name that a list is narrowed to. */
export function nameOf(info: RequestInfo): string {
  if (info.name !== '' || !info.query.has('fieldSelector')) return info.name;
  return attributesFor(ANONYMOUS, info).name;
}

/** A list as of a moment that is past is not the cache's. */
function readsStore(query: URLSearchParams): boolean {
  const version = query.get('resourceVersion') ?? '';
  switch (query.get('resourceVersionMatch') ?? '') {
    case 'Exact':
      return true;
    case 'NotOlderThan':
      return false;
    case '':
      return (
        (query.get('continue') ?? '') !== '' ||
        (Number(query.get('limit') ?? 0) > 0 && version !== '' && version !== '0')
      );
    default:
      return true;
  }
}

interface ListFacts {
  readonly limit: number;
  readonly isOne: boolean;
  readonly isFromCache: boolean;
  readonly isSelective: boolean;
}

function seatsByObjects({ objects }: CollectionSize, list: ListFacts): number {
  const limited = list.limit > 0 ? Math.min(list.limit, objects) : objects;
  const processed = list.isOne
    ? 1
    : list.isFromCache
      ? objects
      : list.isSelective
        ? objects + limited
        : 2 * limited;
  return Math.ceil(processed / OBJECTS_PER_SEAT);
}

function seatsBySize({ objects, bytes }: CollectionSize, list: ListFacts): number {
  const limited = list.limit > 0 ? Math.min(list.limit, objects) : objects;
  const loaded = list.isOne
    ? 1
    : list.isSelective && !list.isFromCache
      ? Math.max(limited, Math.floor(objects / 2))
      : limited;
  const each = objects === 0 ? 0 : bytes / objects;
  const atOnce = list.isFromCache ? Math.min(loaded * each, CACHED_LIST_BYTES_MAX) : loaded * each;
  return Math.ceil(atOnce / BYTES_PER_SEAT);
}

function writeWork(info: RequestInfo, facts: WorkFacts, seatsMax: number) {
  // A token is told to nobody.
  if (info.resource === 'serviceaccounts' && info.subresource === 'token')
    return { work: ONE_SEAT };
  const watches = facts.watchesOf(info);
  if (watches < WATCHES_PER_SEAT) return { work: ONE_SEAT, watches };
  const most = seatsMax === 0 ? WRITE_SEATS_MAX : Math.min(seatsMax, WRITE_SEATS_MAX);
  const wide = Math.ceil(watches / WATCHES_PER_SEAT);
  const finalSeats = Math.min(wide, most);
  // As much work, on fewer seats for longer.
  const additionalMs = (wide * EVENT_MS) / finalSeats;
  return { work: { initialSeats: 1, finalSeats, additionalMs }, watches };
}
