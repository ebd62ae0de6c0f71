/**
 * Makes the controllers of a test cluster blind for one field: what they read never has it, what
 * they write of a status never has it. A test that holds all the same does not need the field.
 *
 * `npm run fields` sets the variable for each documented field of the workload kinds.
 */
import type { KubeObject } from '#api/meta/object.ts';
import type { Client, ResourceType } from '#client/client.ts';

/** `deployments.apps spec.minReadySeconds`: the resource, and the way to the field, through lists. */
export const WITHOUT_FIELD = 'COXSWAIN_WITHOUT_FIELD';

export interface Blindness {
  readonly resource: string;
  readonly path: readonly string[];
}

/** Of the text in the variable; undefined: components see everything. */
export function blindnessOf(text: string | undefined): Blindness | undefined {
  if (text === undefined || text === '') return undefined;
  const [resource = '', path = ''] = text.split(' ');
  return { resource, path: path.split('.') };
}

/** The value without what is at the path; the value itself is not changed. */
export function without(value: unknown, [first = '', ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => without(each, [first, ...rest]));
  if (typeof value !== 'object' || value === null || !(first in value)) return value;
  const { [first]: found, ...others } = value as Record<string, unknown>;
  return rest.length === 0 ? others : { ...others, [first]: without(found, rest) };
}

/** The client as a component uses it that knows nothing of the field. */
export function blindClient(client: Client, { resource, path }: Blindness): Client {
  const concerns = ({
    plural,
    group,
  }: Pick<ResourceType<KubeObject>, 'plural' | 'group'>): boolean =>
    (group === '' ? plural : `${plural}.${group}`) === resource;
  const isRead = path[0] === 'spec';
  const seen = <T>(type: ResourceType<KubeObject>, object: T): T =>
    isRead && concerns(type) ? (without(object, path) as T) : object;
  const said = <T>(type: ResourceType<KubeObject>, object: T): T =>
    !isRead && concerns(type) ? (without(object, path) as T) : object;
  return {
    get: async (type, name, namespace) => seen(type, await client.get(type, name, namespace)),
    async list(type, options) {
      const list = await client.list(type, options);
      return { ...list, items: list.items.map((item) => seen(type, item)) };
    },
    create: async (type, object) => seen(type, await client.create(type, object)),
    update: async (type, object, subresource) =>
      seen(type, await client.update(type, said(type, object), subresource)),
    patch: async (type, target, patchType, patch, options) =>
      seen(type, await client.patch(type, target, patchType, said(type, patch), options)),
    delete: (type, target, options) => client.delete(type, target, options),
    createSubresource: (type, target, subresource, body) =>
      client.createSubresource(type, target, subresource, body),
    deleteCollection: (type, list, options) => client.deleteCollection(type, list, options),
    watch: (type, options, onEvent) =>
      client.watch(type, options, (event) =>
        onEvent({ ...event, object: seen(type, event.object) }),
      ),
    raw: (method, path, body, accept) => client.raw(method, path, body, accept),
  };
}
