/** All objects of a collection, page by page. */
import type { KubeObject } from '#api/meta/object.ts';
import { isStatus } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';

const PAGE_SIZE = 500;

/** Up to one more than `max`. Where the past of the first page is gone, all are read at once. */
export async function listAll<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  { max, namespace }: { readonly max: number; readonly namespace?: string },
): Promise<T[]> {
  const where = namespace === undefined ? {} : { namespace };
  const objects: T[] = [];
  let token: string | undefined;
  do {
    try {
      const page = await client.list(type, {
        ...where,
        limit: PAGE_SIZE,
        ...(token === undefined ? {} : { continue: token }),
      });
      for (const object of page.items) objects.push(object);
      token = page.continue;
    } catch (error) {
      if (token === undefined || !isStatus(error, 'Expired')) throw error;
      return (await client.list(type, where)).items;
    }
  } while (token !== undefined && objects.length <= max);
  return objects;
}
