/**
 * TLS bootstrap of `cox kubelet`: a kubelet without a kubeconfig that can be used asks for a client
 * certificate with the rights of another kubeconfig, and writes its own.
 *
 *   --bootstrap-kubeconfig ─▶ certificate request ─▶ CERT-DIR/kubelet-client-current.pem
 *                                                 └▶ --kubeconfig, which names that file
 *
 * Source: Kubernetes documentation, "TLS bootstrapping". Upstream:
 * pkg/kubelet/certificate/bootstrap/bootstrap.go (LoadClientCert), v1.36.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { RestClient } from '#client/rest.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { clientOrder, type KeyObjects } from '#kubelet/bootstrap/certificate-order.ts';
import { CertificateStore, currentPath } from '#kubelet/bootstrap/certificate-store.ts';
import { keyText, validityOf } from '#kubelet/bootstrap/key-pair.ts';
import { requestCertificate } from '#kubelet/bootstrap/request-certificate.ts';
import { readTextIfThere, writeFileDurably } from '../files.ts';
import { type Access, readAccess } from '../kube-client.ts';
import { createKey } from '../node-certificates.ts';
import { messageOf, UserError } from '../user-error.ts';

/** Upstream's: somebody may have to approve the request by hand. */
const WAIT_MS = 60 * 60_000;
const CLIENT = 'kubelet-client';

export interface BootstrapOptions {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Paths; the first is written, the second read. */
  readonly kubeconfig: string;
  readonly bootstrapKubeconfig: string;
  /** Where the certificate is put. */
  readonly folder: string;
  readonly nodeName: string;
  /** A road to the API server of a kubeconfig. */
  readonly connect: (access: Access) => { readonly handler: Handler; close(): void };
}

/** Does nothing where the kubeconfig can be used. Rejects with UserError. */
export async function bootstrapClient(options: BootstrapOptions): Promise<void> {
  const { environment, signal, kubeconfig, folder, nodeName } = options;
  const nowMs = environment.clock.now();
  const problem = unusable(kubeconfig, nowMs);
  if (problem === undefined) return;
  environment.log.info('a client certificate is asked for', { node: nodeName, why: problem });
  const access = readAccess(options.bootstrapKubeconfig);
  const road = options.connect(access);
  try {
    const client = new RestClient({
      handler: road.handler,
      environment,
      userAgent: 'kubelet',
      signal,
      ...(access.token === undefined ? {} : { token: access.token }),
    });
    const keys = keptKey(folder);
    const pair = await requestCertificate({
      environment,
      client,
      order: clientOrder(nodeName),
      keys,
      timeoutMs: WAIT_MS,
      signal,
    });
    const store = new CertificateStore({ fileSystem: realFileSystem(), folder, name: CLIENT });
    await store.update(pair, environment.clock.now());
    writeOwn(kubeconfig, access, currentPath(resolve(folder), CLIENT));
    rmSync(keyPath(folder), { force: true });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `failed to run Kubelet: cannot get a client certificate with ${options.bootstrapKubeconfig}: ${messageOf(error)}`,
    );
  } finally {
    road.close();
  }
}

/** Why the kubeconfig cannot be used; undefined: it can. It has to have a certificate in force. */
function unusable(path: string, nowMs: number): string | undefined {
  if (!existsSync(path)) return 'there is no kubeconfig';
  try {
    const { cert } = readAccess(path).tls;
    if (cert === undefined) return 'the kubeconfig has no certificate';
    return validityOf(cert).notAfterMs < nowMs ? 'the certificate has expired' : undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function keyPath(folder: string): string {
  return join(folder, 'kubelet-client.key.tmp');
}

/** Kept until the certificate is there: who is started anew finds the request it made before. */
function keptKey(folder: string): KeyObjects {
  const path = keyPath(folder);
  const text = readTextIfThere(path);
  if (text !== undefined)
    try {
      const privateKey = createPrivateKey(text);
      return { privateKey, publicKey: createPublicKey(privateKey) };
    } catch {
      // It was not written whole.
    }
  const keys = createKey();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileDurably(path, keyText(keys.privateKey), 0o600);
  return keys;
}

/** The cluster of the bootstrap kubeconfig, and a user whose certificate is read from its file. */
function writeOwn(path: string, { connection, tls }: Access, certificate: string): void {
  const { host, port, basePath } = connection;
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const config: Kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'default-cluster',
        cluster: {
          server: `${connection.tls ? 'https' : 'http'}://${authority}${basePath}`,
          ...(tls.ca === undefined
            ? {}
            : { 'certificate-authority-data': Buffer.from(tls.ca).toString('base64') }),
          ...(tls.serverName === undefined ? {} : { 'tls-server-name': tls.serverName }),
          ...(connection.insecureSkipVerify ? { 'insecure-skip-tls-verify': true } : {}),
        },
      },
    ],
    users: [
      {
        name: 'default-auth',
        user: { 'client-certificate': certificate, 'client-key': certificate },
      },
    ],
    contexts: [
      {
        name: 'default-context',
        context: { cluster: 'default-cluster', user: 'default-auth', namespace: 'default' },
      },
    ],
    'current-context': 'default-context',
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileDurably(path, `${JSON.stringify(config, null, 2)}\n`, 0o600);
}
