/**
 * pods/binding, and bindings as such: gives a pod its node.
 *
 * Source: upstream pkg/registry/core/pod/storage/storage.go (BindingREST); KEP-4742 for labels.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { Binding, Pod } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, notSupported, required } from '#api/meta/field.ts';
import {
  badRequest,
  conflict,
  internalError,
  OBJECT_MODIFIED,
  plainError,
} from '#api/meta/status.ts';
import { joined } from '../admission/refusal.ts';
import { type ApiObject, copyOf } from '../api-object.ts';
import { storeListener } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { noteOf } from '../history/note.ts';
import type { Resource } from '../registry/resource.ts';
import { admit, dryRunOf, POD_BINDING, readBodyAs, success } from './exchange.ts';
import { setPodCondition } from './pod-conditions.ts';
import type { SubresourceServices } from './services.ts';

const PODS = { group: '', resource: 'pods' };

export async function createBinding(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): Promise<HttpResponse> {
  const binding = readBodyAs<Binding>(context, POD_BINDING);
  const name = context.info.name === '' ? (binding.metadata?.name ?? '') : context.info.name;
  if (name === '') throw badRequest('Name parameter required.');
  if (binding.metadata?.name !== name)
    throw badRequest('name in URL does not match name in Binding object');
  const dryRun = dryRunOf(context);
  await admit(context, services, { resource, kind: POD_BINDING, object: binding, dryRun });
  const errors = bindingErrors(binding);
  if (errors.length > 0) throw plainError(joined(errors.map((error) => error.text())));
  await assign(context, services, { binding, name, dryRun });
  return success(context, services, resource);
}

function bindingErrors({ target }: Partial<Binding>): FieldError[] {
  const at = fieldPath('target');
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node')
    errors.push(notSupported(at.child('kind'), target.kind, ['Node', '<empty>']));
  if (!target?.name) errors.push(required(at.child('name')));
  return errors;
}

async function assign(
  context: RequestContext,
  services: SubresourceServices,
  options: { readonly binding: Binding; readonly name: string; readonly dryRun: boolean },
): Promise<void> {
  const { binding, name, dryRun } = options;
  const pods = services.resourceOf('', 'pods');
  if (pods === undefined) throw internalError('pods are not served');
  await services.registry.update(pods, {
    namespace: context.info.namespace,
    name,
    subresource: 'binding',
    user: context.user,
    note: noteOf(context),
    storeTook: storeListener(context),
    dryRun,
    warn: (text) => context.warn(text),
    // Upstream writes past the strategy of pods: a binding is what may change the node.
    direct: true,
    transform: async (current) => {
      if (current === undefined) throw internalError(`pod ${name} is gone`);
      checkPreconditions(binding, current, name);
      const next = copyOf(current);
      bind(next as Pod, binding, services.environment.clock.now());
      return next;
    },
  });
}

function checkPreconditions(
  { metadata }: Binding,
  { metadata: pod }: ApiObject,
  name: string,
): void {
  if (metadata?.uid && metadata.uid !== pod?.uid) {
    const cause = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod?.uid ?? ''}`;
    throw conflict(PODS, name, cause);
  }
  if (metadata?.resourceVersion && metadata.resourceVersion !== pod?.resourceVersion) {
    throw conflict(PODS, name, OBJECT_MODIFIED);
  }
}

function bind(pod: Pod, binding: Binding, nowMs: number): void {
  const name = pod.metadata?.name ?? '';
  const refuse = (cause: string): Error =>
    conflict({ group: '', resource: 'pods/binding' }, name, cause);
  const { metadata } = pod;
  const spec = (pod.spec ??= { containers: [] });
  if (metadata?.deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (spec.nodeName)
    throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`);
  if ((spec.schedulingGates ?? []).length > 0)
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  spec.nodeName = binding.target.name ?? '';
  delete pod.status?.nominatedNodeName;
  const { annotations, labels } = binding.metadata ?? {};
  pod.metadata = {
    ...metadata,
    ...(annotations === undefined
      ? {}
      : { annotations: { ...metadata?.annotations, ...annotations } }),
    ...(labels === undefined ? {} : { labels: { ...metadata?.labels, ...labels } }),
  };
  setPodCondition(pod, { type: 'PodScheduled', status: 'True' }, nowMs);
}
