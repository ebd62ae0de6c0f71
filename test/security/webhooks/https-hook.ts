/** A webhook as a real HTTPS server on loopback, with the certificate that a test gives it. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { createCertificate } from '#base/x509.ts';

const DAY_MS = 24 * 60 * 60_000;

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

export interface Shown {
  readonly cert: string;
  readonly key: string;
}

/** Signs certificates of servers, and of clients. */
export class Authority {
  readonly #keys = newKey();
  readonly #name = { commonName: 'hooks' };
  /** PEM. */
  readonly certificate: string;

  constructor() {
    this.certificate = createCertificate({
      subject: this.#name,
      publicKey: this.#keys.publicKey,
      issuer: { name: this.#name, ...this.#keys },
      serial: randomBytes(8),
      notBeforeMs: Date.now() - DAY_MS,
      notAfterMs: Date.now() + DAY_MS,
      uses: ['authority'],
    });
  }

  /** As `caBundle` has it. */
  get bundle(): string {
    return Buffer.from(this.certificate).toString('base64');
  }

  /** For one name, until `endsInMs` from now; `names`: what stands beside the common name. */
  shows(name: string, endsInMs = DAY_MS, names: readonly string[] = [name]): Shown {
    const { publicKey, privateKey } = newKey();
    const cert = createCertificate({
      subject: { commonName: name },
      publicKey,
      issuer: { name: this.#name, ...this.#keys },
      serial: randomBytes(8),
      notBeforeMs: Date.now() - 2 * DAY_MS,
      notAfterMs: Date.now() + endsInMs,
      uses: ['server'],
      dnsNames: names,
    });
    return { cert, key: pem(privateKey) };
  }

  /** A client's certificate. */
  names(commonName: string): Shown {
    const { publicKey, privateKey } = newKey();
    const cert = createCertificate({
      subject: { commonName },
      publicKey,
      issuer: { name: this.#name, ...this.#keys },
      serial: randomBytes(8),
      notBeforeMs: Date.now() - DAY_MS,
      notAfterMs: Date.now() + DAY_MS,
      uses: ['client'],
    });
    return { cert, key: pem(privateKey) };
  }
}

export interface Asked {
  /** As the Host header has it. */
  readonly host: string;
  /** What TLS asked for; false: nothing. */
  readonly serverName: string | false;
  /** Of the client's certificate; empty where it showed none. */
  readonly commonName: string;
  readonly authorization: string;
  readonly userAgent: string;
}

function commonNameOf(socket: TLSSocket): string {
  const { subject } = socket.getPeerCertificate() as { readonly subject?: { readonly CN: string } };
  return subject?.CN ?? '';
}

type Answer = (response: ServerResponse, uid: string) => void;

/** The request is let in. */
export const allow: Answer = (response, uid) => {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid, allowed: true },
    }),
  );
};

export class HttpsHook {
  readonly asked: Asked[] = [];
  /** Answers that broke off before they were whole. */
  brokenOff = 0;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, answer: Answer) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const socket = request.socket as TLSSocket;
      this.asked.push({
        host: request.headers.host ?? '',
        serverName: (socket as { servername?: string | false }).servername ?? false,
        commonName: commonNameOf(socket),
        authorization: request.headers.authorization ?? '',
        userAgent: request.headers['user-agent'] ?? '',
      });
      response.on('close', () => {
        if (!response.writableFinished) this.brokenOff++;
      });
      let text = '';
      request.on('data', (part) => (text += part));
      request.on('end', () => {
        answer(response, text === '' ? '' : JSON.parse(text).request.uid);
      });
    });
  }

  static async start(shown: Shown, answer: Answer = allow): Promise<HttpsHook> {
    const server = createServer({ ...shown, requestCert: true, rejectUnauthorized: false });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HttpsHook(server, answer);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
