/** The namespace that a request is in, for plug-ins that go by what it says. */
import type { Namespace } from '#api/gen/core-v1.ts';
import { notFound } from '#api/meta/status.ts';
import type { Attributes, ObjectReader } from './admission.ts';
import { NAMESPACES } from './targets.ts';

/** As the cache shows it, or as it is once the cache has caught up. Throws 404. */
export async function ownNamespace(
  reader: Pick<ObjectReader, 'get' | 'catchUp'>,
  { namespace }: Pick<Attributes, 'namespace'>,
): Promise<Namespace> {
  const read = (): Namespace | undefined =>
    reader.get(NAMESPACES, '', namespace) as Namespace | undefined;
  const known = read();
  if (known !== undefined) return known;
  await reader.catchUp();
  const found = read();
  if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
  return found;
}
