/**
 * The name that a TLS server must show: RFC 6066 section 3 lets no address be sent as a server name,
 * but certificates name addresses too (RFC 5280, section 4.2.1.6), so that an address is verified
 * and not sent. Node refuses to send it, and would verify the dialled host instead.
 *
 * The common name of a certificate is none of a server's names (RFC 9110, section 4.3.4): Node takes
 * it for one where there are no others, Go and so upstream does not.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';

/** Go's words, which people look for. */
const LEGACY = 'x509: certificate relies on legacy Common Name field, use SANs instead';

/** Options of `tls.connect` that verify `name`, and send it when it is no address. */
export function serverNameOptions(name: string): ConnectionOptions {
  return {
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_, certificate) => nameFault(name, certificate),
  };
}

function nameFault(name: string, certificate: PeerCertificate): Error | undefined {
  const { subject } = certificate;
  const fault = checkServerIdentity(name, { ...certificate, subject: { ...subject, CN: '' } });
  const isLegacy =
    fault !== undefined &&
    certificate.subjectaltname === undefined &&
    checkServerIdentity(name, certificate) === undefined;
  return isLegacy ? new Error(LEGACY) : fault;
}
