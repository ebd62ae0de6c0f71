/**
 * Looking up a name for one connection: only addresses that are allowed come out, and the connection
 * is made to just those. A check before that, with a look-up of its own, could be told another
 * address than the connection is (CVE-2020-8562).
 */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Fails where the name stands for no address that `allows` lets pass. */
export function guardedLookup(
  allows: (address: string) => boolean,
  resolve: LookupFunction = lookup,
): LookupFunction {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, []);
      const all = typeof found === 'string' ? [{ address: found, family: 0 }] : found;
      const allowed = all.filter(({ address }) => allows(address));
      const [first] = allowed;
      if (first === undefined) return done(new Error('address not allowed'), []);
      if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}
