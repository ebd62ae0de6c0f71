/** `cox control-plane` as the supervisor starts it, in a data directory of its own, and its client. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NAMESPACE } from '../../src/api/core/namespace.ts';
import {
  CLUSTER_DEFAULTS,
  type ClusterConfig,
  writeClusterConfig,
} from '../../src/cli/cluster-config.ts';
import { clusterPki } from '../../src/cli/cluster-pki.ts';
import { dataDirectoryAt, prepareDataDirectory } from '../../src/cli/data-directory.ts';
import { chooseListen } from '../../src/cli/listen-address.ts';
import { RestClient } from '../../src/client/rest.ts';
import { realEnvironment } from '../../src/edge/environment.ts';
import { httpClient } from '../../src/edge/http-client.ts';

const READY_TIMEOUT_MS = 60_000;
const LOOK_MS = 5;
const HOST = '127.0.0.1';

const environment = realEnvironment({ logLevel: 'error' });

export class ControlPlane {
  readonly client: RestClient;
  readonly #folder: string;
  readonly #close: () => void;
  #child: ChildProcess | undefined;

  private constructor(folder: string, http: ReturnType<typeof httpClient>) {
    this.#folder = folder;
    this.#close = () => http.close();
    this.client = new RestClient({ handler: http.handler, environment, userAgent: 'kill-test' });
  }

  /** A cluster that has never run. */
  static async create(): Promise<ControlPlane> {
    const folder = mkdtempSync(join(tmpdir(), 'coxswain-kill-'));
    const data = dataDirectoryAt(folder);
    prepareDataDirectory(data);
    const { port } = await chooseListen({ host: HOST, port: 0 });
    const config: ClusterConfig = {
      ...CLUSTER_DEFAULTS,
      nodeName: 'kill',
      nodeAddress: HOST,
      simulatedNodes: 1,
      listenHost: HOST,
      listenPort: port,
    };
    writeClusterConfig(data, config);
    const pki = clusterPki(data, config, environment.clock.now());
    const { certificate: cert, key } = pki.admin;
    const tls = { ca: pki.authority.certificate, cert, key };
    return new ControlPlane(folder, httpClient({ host: HOST, port, tls }));
  }

  /** Starts it; resolves when it answers. Answers how long that took, in milliseconds. */
  async start(): Promise<number> {
    const began = performance.now();
    const log = openSync(this.#log, 'a');
    this.#child = spawn(
      process.execPath,
      ['bin/cox.ts', 'control-plane', '--data-dir', this.#folder],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    while (!(await this.#answers())) {
      if (this.#child.exitCode !== null || performance.now() - began > READY_TIMEOUT_MS)
        throw new Error(`The control plane does not come up:\n${readFileSync(this.#log, 'utf8')}`);
      await pause(LOOK_MS);
    }
    return performance.now() - began;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    this.#close();
    rmSync(this.#folder, { recursive: true });
  }

  get #log(): string {
    return join(this.#folder, 'logs', 'control-plane.log');
  }

  async #answers(): Promise<boolean> {
    try {
      await this.client.raw('GET', '/readyz');
      await this.client.get(NAMESPACE, 'default');
      return true;
    } catch {
      return false;
    }
  }
}
