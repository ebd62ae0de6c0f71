/**
 * The product with real containers and no example, and an image for the tests' own pods: busybox,
 * built like the product's images and given to its containerd.
 */
import { join } from 'node:path';
import { realProcesses } from '../../src/edge/processes.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { buildImage } from '../../src/cli/images/build.ts';
import { imageCacheFolder } from '../../src/cli/images/cache.ts';
import type { NodeDirectory } from '../../src/cli/node-directory.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { BUSYBOX, BUSYBOX_RECIPE } from '../kit/busybox-image.ts';
import {
  eventually,
  type Product,
  removeDirectory,
  run,
  startProduct,
  temporaryDirectory,
} from './product.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface RealCluster {
  readonly product: Product;
  readonly directory: string;
  /** stdout of a kubectl that must succeed. */
  ok(command: readonly string[] | string, input?: string): Promise<string>;
  /** A pod of one busybox container that runs `script`, once it is ready. */
  runPod(name: string, script: string, over?: PodOverrides): Promise<void>;
  /** Pod and Service `web`: what `script` serves on 8080 (`http`), on port 80; resolves when it answers. */
  runWeb(script: string): Promise<void>;
  terminal(
    args: readonly string[] | string,
    size?: { rows: number; columns: number },
  ): Promise<Terminal>;
  close(): Promise<void>;
}

export interface PodOverrides {
  readonly metadata?: object;
  readonly spec?: object;
  readonly container?: object;
}

/** The manifest of a pod whose container ends at once when it is asked to. */
export function podManifest(name: string, script: string, over: PodOverrides = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...over.metadata },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        { name: 'main', image: BUSYBOX, command: ['sh', '-c', script], ...over.container },
      ],
      ...over.spec,
    },
  };
}

export async function startRealCluster(flags: readonly string[] = []): Promise<RealCluster> {
  const directory = temporaryDirectory();
  try {
    const product = await startProduct(['--example', 'none', ...flags], {
      dataDirectory: join(directory, 'data'),
    });
    try {
      await importBusybox(product);
      await untilANode(product);
      await product.ok('wait --for=condition=Ready node --all --timeout=60s');
      await untilDefaultAccount(product);
    } catch (error) {
      await product.stop();
      throw error;
    }
    return clusterOf(product, directory);
  } catch (error) {
    removeDirectory(directory);
    throw error;
  }
}

function clusterOf(product: Product, directory: string): RealCluster {
  return {
    product,
    directory,
    ok: (command, input) => product.ok(command, input),
    async runPod(name, script, over) {
      await product.ok('create -f -', JSON.stringify(podManifest(name, script, over)));
      await product.ok(`wait --for=condition=Ready pod/${name} --timeout=60s`);
    },
    async runWeb(script) {
      await this.runPod('web', script, {
        metadata: { labels: { app: 'web' } },
        container: {
          readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
          ports: [{ name: 'http', containerPort: 8080 }],
        },
      });
      await product.ok('expose pod web --port=80 --target-port=http');
    },
    async terminal(args, size = { rows: 24, columns: 80 }) {
      const words = typeof args === 'string' ? args.split(' ') : args;
      return openTerminal(words, { kubeconfig: product.kubeconfig, ...size });
    },
    async close() {
      await product.stop();
      removeDirectory(directory);
    },
  };
}

/** kubectl waits for none where there is none yet. */
function untilANode(product: Product): Promise<true> {
  return eventually(async () =>
    (await product.kubectl(['get', 'nodes', '-o', 'name'])).stdout.includes('node/')
      ? true
      : undefined,
  );
}

/** Pods are refused until their service account is there. */
function untilDefaultAccount(product: Product): Promise<true> {
  return eventually(async () =>
    (await product.kubectl(['get', 'serviceaccount', 'default'])).code === 0 ? true : undefined,
  );
}

/** To all nodes. */
async function importBusybox(product: Product): Promise<void> {
  const data = dataDirectoryAt(product.dataDirectory);
  for (const directory of [data, ...otherNodeDirectories(data)])
    await importBusyboxTo(directory, data.images);
}

/** Gives the containerd of a node the image; `folder` is where archives are kept. */
export async function importBusyboxTo(directory: NodeDirectory, folder: string): Promise<void> {
  const { archivePath } = await buildImage(BUSYBOX_RECIPE, {
    processes: realProcesses(),
    folder,
    cache: imageCacheFolder(process.env),
    repository: process.cwd(),
  });
  const socket = nodeLayout(directory).containerdSocket;
  const { code, stderr } = await run('ctr', [
    '--address',
    socket,
    '--namespace',
    'k8s.io',
    'images',
    'import',
    archivePath,
  ]);
  if (code !== 0) throw new Error(`Cannot import ${archivePath}: ${stderr}`);
}
