import type { Client } from '#client/client.ts';

/** `client` with these members in place of its own. */
export function clientWith(client: Client, members: Partial<Client>): Client {
  return new Proxy(client, {
    get(target, name) {
      const own: unknown = Reflect.get(members, name);
      if (own !== undefined) return own;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
