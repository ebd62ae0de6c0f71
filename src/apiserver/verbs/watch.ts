/**
 * WATCH: the events of a resource as a stream, gapless and in order of revision.
 *
 * Source: API concepts, "Efficient detection of changes", "Watch bookmarks", "Streaming lists";
 * upstream apiserver/pkg/storage/cacher.
 */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { gone } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import { contentType } from '../presenter.ts';
import type { RequestInfo } from '../request-info.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { type WatchParameters, watchParameters } from './options.ts';
import { presenterFor, reach } from './read.ts';
import { selectionOf } from './selection.ts';
import { ByteOutlet, ObjectOutlet } from './watch-outlet.ts';
import { Watcher, type WatcherOptions, type WatchStart } from './watcher.ts';

export interface WatchLimits {
  /** Called when a watch begins; answers how to say that it ended. Throws 429 at the limit. */
  open(info: RequestInfo): () => void;
  /** Aborted when the server shuts down. */
  readonly shutdown: AbortSignal;
  /** The gate WatchList. */
  readonly watchList: boolean;
}

export async function watchObjects(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
  limits: WatchLimits,
): Promise<HttpResponse> {
  const presenter = presenterFor(context, resource, { isStream: true });
  const parameters = watchParameters(context.info, limits.watchList);
  const selection = selectionOf(resource, parameters.labelSelector, parameters.fieldSelector);
  const start = await startOf(context, registry, resource, {
    ...parameters,
    initialBookmark: limits.watchList && parameters.allowBookmarks,
  });
  const release = limits.open(context.info);
  const { shutdown } = limits;
  const options: WatcherOptions = { context, registry, resource, parameters, selection, shutdown };
  const body: Body = presenter.givesObjects
    ? {
        kind: 'events',
        start(sink) {
          new Watcher(options, (onClosed) => new ObjectOutlet(sink, presenter, onClosed)).run(
            start,
            release,
          );
        },
      }
    : {
        kind: 'stream',
        start(sink) {
          new Watcher(options, (onClosed) => new ByteOutlet(sink, presenter, onClosed)).run(
            start,
            release,
          );
        },
      };
  return {
    status: 200,
    headers: {
      'content-type': contentType(presenter.wanted, true),
      'cache-control': 'no-cache, private',
    },
    body,
  };
}

async function startOf(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
  parameters: WatchParameters & { readonly initialBookmark: boolean },
): Promise<WatchStart> {
  const { hub } = registry;
  const { resourceVersion: version, sendInitialEvents, initialBookmark } = parameters;
  const unset = version === '' || version === '0';
  if (sendInitialEvents === true) {
    if (version === '') await hub.waitForNow(context.signal);
    else if (version !== '0') await reach(hub, Number(version), { signal: context.signal });
    return { after: hub.revision, initial: true, initialBookmark };
  }
  if (sendInitialEvents === undefined && unset) {
    if (version === '') await hub.waitForNow(context.signal);
    return { after: hub.revision, initial: true, initialBookmark };
  }
  if (unset) {
    await hub.waitForNow(context.signal);
    return { after: hub.revision, initial: false, initialBookmark: false };
  }
  const after = Number(version);
  if (after > hub.revision) await reach(hub, after, { signal: context.signal });
  const oldest = Math.max(resource.cache.windowStart, hub.compacted);
  const started = { after, initial: false, initialBookmark: false };
  if (after >= oldest) return started;
  return { ...started, error: gone(`too old resource version: ${after} (${oldest})`) };
}
