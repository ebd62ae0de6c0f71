/** What a TLS server shows, whoever it is: to look at, never to trust. */
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';

/**
 * PEM of the first certificate. Rejects with the platform's error, or when there is no answer within
 * `timeoutMs`.
 */
export function shownCertificate(
  address: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, rejectUnauthorized: false, timeout: timeoutMs });
    socket.once('secureConnect', () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      if (raw === undefined) reject(new Error('no certificate was shown'));
      else resolve(new X509Certificate(raw).toString());
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
  });
}
