/**
 * The name that a TLS server must show: RFC 6066 section 3 lets no address be sent as a server name,
 * but certificates name addresses too (RFC 5280, section 4.2.1.6), so that an address is verified
 * and not sent. Node refuses to send it, and would verify the dialled host instead.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';

/** Options of `tls.connect` that verify `name`, and send it when it is no address. */
export function serverNameOptions(name: string): ConnectionOptions {
  if (isIP(name) === 0) return { servername: name };
  return {
    servername: '',
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
  };
}
