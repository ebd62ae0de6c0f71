/**
 * componentstatuses: whether the store, the scheduler and the controllers are healthy. Deprecated
 * upstream since v1.19 and still what `kubectl get componentstatuses` asks.
 *
 * Source: upstream pkg/registry/core/componentstatus/rest.go.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { ComponentStatus, ComponentStatusList } from '#api/gen/core-v1.ts';
import { anyKind, defineKind } from '#api/kind.ts';
import { methodNotSupported, notFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { jsonResponse } from '../respond.ts';
import { rowOf, tableHead } from '../table.ts';
import { isTrue } from '../request-info.ts';
import { listOptions, watchOptions } from '../verbs/options.ts';
import { checkListView, presenterFor } from '../verbs/read.ts';
import { selectionOf } from '../verbs/selection.ts';
import { answer } from './exchange.ts';
import type { ComponentProbe, SubresourceServices } from './services.ts';

export async function readComponentStatus(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): Promise<HttpResponse> {
  const probes = [...(services.components ?? []), storeProbe(services)];
  if (context.info.name === '')
    return listAll(context, services, resource, await Promise.all(probes.map(statusOf)));
  const probe = probes.find(({ name }) => name === context.info.name);
  if (probe === undefined)
    throw notFound({ group: '', resource: 'componentstatus' }, context.info.name);
  return answer(context, services, {
    code: 200,
    kind: resource.kind,
    object: await statusOf(probe),
    like: resource,
  });
}

/** The name is etcd's, whatever the store is: clients look for it. */
function storeProbe({ registry }: SubresourceServices): ComponentProbe {
  return {
    name: 'etcd-0',
    check: async () => {
      await registry.hub.store.revision();
      return undefined;
    },
  };
}

async function statusOf(probe: ComponentProbe): Promise<ComponentStatus> {
  const wrong = await probe.check().catch((error: unknown) => messageOf(error));
  const condition =
    wrong === undefined
      ? { type: 'Healthy', status: 'True' as const, message: 'ok' }
      : { type: 'Healthy', status: 'False' as const, error: wrong };
  return {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name: probe.name },
    conditions: [condition],
  };
}

function listAll(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
  statuses: readonly ComponentStatus[],
): HttpResponse {
  if (context.info.query.has('watch') && isTrue(context.info.query.get('watch'))) {
    watchOptions(context.info);
    throw methodNotSupported(resource.groupResource, 'watch');
  }
  const { labelSelector, fieldSelector } = listOptions(context.info);
  const selection = selectionOf(resource, labelSelector, fieldSelector);
  const objects = (statuses as readonly ApiObject[]).filter((status) => selection.matches(status));
  const { kind } = resource;
  const presenter = presenterFor(context, resource);
  checkListView(presenter);
  const { wanted } = presenter;
  const apiVersion = `meta.k8s.io/${wanted.metaVersion ?? 'v1'}`;
  if (wanted.view === 'metadata') return metadataList(objects, apiVersion);
  if (wanted.view !== 'table') {
    return answer(context, services, {
      code: 200,
      kind: LIST,
      object: { metadata: {}, items: objects },
      like: resource,
    });
  }
  const nowMs = services.environment.clock.now();
  return jsonResponse(200, {
    ...tableHead(kind, { metadata: {}, columns: true, apiVersion }),
    rows: objects.map((object) => rowOf(kind, object, { nowMs, include: 'Object', apiVersion })),
  });
}

/** Of nothing upstream makes null. */
function metadataList(objects: readonly ApiObject[], apiVersion: string): HttpResponse {
  const items = objects.map(({ metadata }) => ({
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: metadata ?? {},
  }));
  return jsonResponse(200, {
    kind: 'PartialObjectMetadataList',
    apiVersion,
    metadata: {},
    items: items.length === 0 ? null : items,
  });
}

const LIST = anyKind(
  defineKind<ComponentStatusList>({
    group: '',
    version: 'v1',
    kind: 'ComponentStatusList',
    plural: 'componentstatuses',
    namespaced: false,
    schema: 'io.k8s.api.core.v1.ComponentStatusList',
  }),
);
