/** Applies an example through the API, as any client would, and waits until it is served. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import { sleep } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { readBody } from '#base/http/message.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { fromYamlDocuments } from '#api/codec/yaml.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import { kindByName } from '#api/kinds.ts';
import { type KubeObject, parseApiVersion } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { RestClient } from '#client/rest.ts';
import { httpClient } from '#edge/http-client.ts';
import { messageOf, UserError } from './user-error.ts';
import type { Progress } from './progress.ts';

const SERVED_TIMEOUT_MS = 180_000;
const LOOK_MS = 50;
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');

export interface ExampleOptions {
  readonly name: string;
  readonly client: Handler;
  readonly environment: Environment;
  readonly progress: Progress;
  /** False: the pods are simulated, and nothing answers. */
  readonly isReal: boolean;
  /** Where NodePorts are reached from this machine. */
  readonly nodeHost: string;
}

/** The names that `--example` takes. */
export function exampleNames(): string[] {
  return readdirSync(EXAMPLES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The address of the example's page, once it answers; undefined when its pods are simulated. */
export async function deployExample(options: ExampleOptions): Promise<string | undefined> {
  const { environment, progress, name } = options;
  const client = new RestClient({ handler: options.client, environment, userAgent: 'cox-up' });
  const objects = readManifests(name);
  await progress.step(`Applying the ${name}`, () => applyAll(client, objects));
  await progress.step(`Waiting for the pods of the ${name}`, () =>
    untilAvailable(client, environment, objects),
  );
  if (!options.isReal) return undefined;
  const page = await pageOf(client, objects, options.nodeHost);
  if (page !== undefined)
    await progress.step('Waiting for the page', () => untilServed(environment, page));
  return page?.url;
}

/** What others need comes first: pods that wait for it are tried again only after a pause. */
const NEEDED_FIRST = ['Namespace', 'ConfigMap', 'Secret', 'ServiceAccount', 'Service'];

function readManifests(name: string): KubeObject[] {
  const folder = join(EXAMPLES, name);
  const objects = readdirSync(folder)
    .filter((file) => /\.ya?ml$/.test(file))
    .sort()
    .flatMap((file) => fromYamlDocuments(readFileSync(join(folder, file), 'utf8')))
    .filter((document) => document !== null) as KubeObject[];
  const rank = ({ kind = '' }: KubeObject): number =>
    NEEDED_FIRST.includes(kind) ? NEEDED_FIRST.indexOf(kind) : NEEDED_FIRST.length;
  return objects.sort((a, b) => rank(a) - rank(b));
}

/** Makes what is missing. What is there stays as the user left it. */
async function applyAll(client: RestClient, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    const { group, version } = parseApiVersion(object.apiVersion ?? '');
    const kind = kindByName(group, version, object.kind ?? '');
    if (kind === undefined) {
      throw new UserError(
        `Cannot apply the example: there is no kind ${object.kind ?? ''} in ${object.apiVersion ?? ''}.`,
      );
    }
    const name = object.metadata?.name ?? '';
    const namespace = kind.namespaced ? (object.metadata?.namespace ?? 'default') : undefined;
    try {
      await client.get(kind, name, namespace);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const target = { name, ...(namespace === undefined ? {} : { namespace }) };
      await client.patch(kind, target, 'apply', object, { fieldManager: 'cox-up', force: true });
    }
  }
}

async function untilAvailable(
  client: RestClient,
  environment: Environment,
  objects: readonly KubeObject[],
): Promise<void> {
  const until = environment.clock.monotonicMs() + SERVED_TIMEOUT_MS;
  for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
    const name = object.metadata?.name ?? '';
    const namespace = object.metadata?.namespace ?? 'default';
    while (!isAvailable(await client.get(DEPLOYMENT, name, namespace))) {
      if (environment.clock.monotonicMs() > until) {
        throw new UserError(
          `Cannot bring up the example: deployment ${name} is not available. kubectl describe deployment ${name} says more.`,
        );
      }
      await sleep(environment, LOOK_MS);
    }
  }
}

function isAvailable({ spec, status, metadata }: Deployment): boolean {
  const replicas = spec?.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= replicas &&
    (status?.availableReplicas ?? 0) >= replicas
  );
}

interface Page {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

async function pageOf(
  client: RestClient,
  objects: readonly KubeObject[],
  host: string,
): Promise<Page | undefined> {
  for (const object of objects.filter(({ kind }) => kind === 'Service')) {
    const service = await client.get(
      SERVICE,
      object.metadata?.name ?? '',
      object.metadata?.namespace ?? 'default',
    );
    const port = service.spec?.ports?.find(
      ({ nodePort }) => nodePort !== undefined && nodePort > 0,
    )?.nodePort;
    if (port !== undefined) return { url: `http://${host}:${port}/`, host, port };
  }
  return undefined;
}

async function untilServed(environment: Environment, page: Page): Promise<void> {
  const http = httpClient({ host: page.host, port: page.port });
  const until = environment.clock.monotonicMs() + SERVED_TIMEOUT_MS;
  let last: unknown;
  try {
    while (environment.clock.monotonicMs() < until) {
      try {
        const response = await http.handler({
          method: 'GET',
          url: '/',
          headers: {},
          signal: AbortSignal.timeout(2_000),
        });
        await readBody(response.body);
        if (response.status === 200) return;
        last = new Error(`status ${response.status}`);
      } catch (error) {
        last = error;
      }
      await sleep(environment, LOOK_MS);
    }
  } finally {
    http.close();
  }
  throw new UserError(`Cannot reach the page at ${page.url}: ${messageOf(last)}.`);
}
