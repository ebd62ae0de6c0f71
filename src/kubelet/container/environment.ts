/**
 * The environment variables of a container.
 *
 * Source: API reference v1.36, EnvVar and EnvFromSource. Upstream: pkg/kubelet/kubelet_pods.go
 * (makeEnvironmentVariables).
 */
import type { Container, EnvFromSource, EnvVar, Pod, Service } from '#api/gen/core-v1.ts';
import type { ObjectSource } from '../object-source.ts';
import { type DownwardFacts, fieldValue, resourceValue } from './downward.ts';
import { type EnvFileVolumes, fileValue } from './env-file.ts';
import { expandVariables } from './expansion.ts';
import { serviceVariables } from './service-env.ts';

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly services: readonly Service[];
  readonly objects: ObjectSource;
  readonly facts: DownwardFacts;
  /** Where files lie that other containers have written variables into. */
  readonly files: EnvFileVolumes;
}

/**
 * Names and values, later ones over earlier: Services, envFrom, env. Rejects with upstream's
 * message when something is missing that is not optional.
 */
export async function containerEnvironment(input: EnvironmentInput): Promise<Map<string, string>> {
  const { pod, container, services } = input;
  const links = pod.spec?.enableServiceLinks ?? true;
  const namespace = pod.metadata?.namespace ?? '';
  const fromServices = serviceVariables(services, namespace, links);
  const own = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    for (const [name, value] of await valuesFrom(source, namespace, input.objects)) {
      own.set(`${source.prefix ?? ''}${name}`, value);
    }
  }
  for (const variable of container.env ?? []) {
    const lookup = (name: string): string | undefined => own.get(name) ?? fromServices.get(name);
    const literal = variable.value ?? '';
    const value =
      literal !== '' ? expandVariables(literal, lookup) : await valueOf(variable, namespace, input);
    if (value !== undefined) own.set(variable.name, value);
  }
  return new Map([...fromServices, ...own]);
}

async function valuesFrom(
  source: EnvFromSource,
  namespace: string,
  objects: ObjectSource,
): Promise<[string, string][]> {
  if (source.configMapRef !== undefined) {
    const { name = '', optional = false } = source.configMapRef;
    const found = await objects.configMap(namespace, name, optional);
    return Object.entries(found?.data ?? {});
  }
  if (source.secretRef !== undefined) {
    const { name = '', optional = false } = source.secretRef;
    const found = await objects.secret(namespace, name, optional);
    return Object.entries(found?.data ?? {}).map(([key, value]) => [key, decode(value)]);
  }
  return [];
}

/** Undefined: the variable is left out, because what it names is optional and not there. */
async function valueOf(
  { valueFrom }: EnvVar,
  namespace: string,
  { pod, container, objects, facts, files }: EnvironmentInput,
): Promise<string | undefined> {
  if (valueFrom?.fieldRef !== undefined)
    return fieldValue(valueFrom.fieldRef.fieldPath, pod, facts);
  if (valueFrom?.resourceFieldRef !== undefined) {
    return resourceValue(valueFrom.resourceFieldRef, pod, container, facts);
  }
  if (valueFrom?.configMapKeyRef !== undefined) {
    const { name = '', key, optional = false } = valueFrom.configMapKeyRef;
    const found = await objects.configMap(namespace, name, optional);
    const value = found?.data?.[key];
    if (value !== undefined || optional) return value;
    throw new Error(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
  }
  if (valueFrom?.secretKeyRef !== undefined) {
    const { name = '', key, optional = false } = valueFrom.secretKeyRef;
    const found = await objects.secret(namespace, name, optional);
    const value = found?.data?.[key];
    if (value !== undefined) return decode(value);
    if (optional) return undefined;
    throw new Error(`couldn't find key ${key} in Secret ${namespace}/${name}`);
  }
  return valueFrom?.fileKeyRef === undefined ? '' : fileValue(valueFrom.fileKeyRef, files);
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
