/** `deploy/web`, `deployments.apps web`: which object a command line means, by discovery. */
import { type DiscoveredResource, discover } from '#client/discovery.ts';
import type { RestClient } from '#client/rest.ts';
import { UserError } from './user-error.ts';

/** `kind name` or `kind/name`. Throws a UserError for anything else. */
export function targetOf(words: readonly string[]): { kind: string; name: string } {
  const [first = '', second] = words;
  const [kind = '', name, ...rest] = second === undefined ? first.split('/') : [first, second];
  if (kind === '' || name === undefined || name === '' || rest.length > 0 || words.length > 2)
    throw new UserError('Name one object: KIND NAME or KIND/NAME, for example deployment web.');
  return { kind, name };
}

/**
 * The resource that `text` names: plural, singular, kind or short name, with `.<group>` or
 * `.<version>.<group>` behind it where several groups have one.
 */
export async function resolveKind(client: RestClient, text: string): Promise<DiscoveredResource> {
  const { resources, failures } = await discover(client);
  const wanted = text.toLowerCase();
  const found = resources.find((resource) => namesOf(resource).includes(wanted));
  if (found !== undefined) return found;
  const unread = [...failures.keys()].map((name) => `; ${name} could not be asked`).join('');
  throw new UserError(
    `Cannot find the kind ${JSON.stringify(text)}: the server has none${unread}.`,
  );
}

function namesOf(resource: DiscoveredResource): string[] {
  const { plural, singular = '', kind, shortNames = [], group, version } = resource;
  const names = [plural, singular, kind.toLowerCase(), ...shortNames].filter((name) => name !== '');
  if (group === '') return names;
  return [
    ...names,
    ...names.flatMap((name) => [`${name}.${group}`, `${name}.${version}.${group}`]),
  ];
}
