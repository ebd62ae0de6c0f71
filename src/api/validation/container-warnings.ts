/** Containers: environments and ports that hide one another. Upstream: pkg/api/pod/warnings.go. */
import type { Container, ContainerPort, EnvVar, PodSpec } from '#api/gen/core-v1.ts';
import type { FieldPath } from '../meta/field.ts';
import { warnAboutFraction } from './volume-warnings.ts';

interface Placed<T> {
  readonly value: T;
  readonly at: FieldPath;
}

function containersOf(spec: PodSpec, at: FieldPath): Placed<Container>[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((value, i) => ({ value, at: at.child(field).index(i) })),
  );
}

/** A second definition of a variable is fine when it adds to the first one. */
function hidesEarlier({ name, value = '', valueFrom }: EnvVar): boolean {
  const reference = `$(${name})`;
  return valueFrom !== undefined || value === reference || !value.includes(reference);
}

function warnAboutEnv(env: readonly EnvVar[], at: FieldPath): string[] {
  const names = env.map(({ name }) => name);
  return env.flatMap((variable, i) => {
    if (names.indexOf(variable.name) === i || !hidesEarlier(variable)) return [];
    const name = JSON.stringify(variable.name);
    return [
      `${at.index(i).toString()}: hides previous definition of ${name}, which may be dropped when using apply`,
    ];
  });
}

/** As Go prints the struct. */
function portText({ name, hostPort, containerPort, protocol, hostIP }: ContainerPort): string {
  return `{Name:${name ?? ''} HostPort:${hostPort ?? 0} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP ?? ''}}`;
}

/** How two definitions of one port and protocol stand to each other. */
function relation(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [port.hostIP ?? '', other.hostIP ?? ''];
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && host === otherHost) return 'duplicate';
  if (host === 0 || otherHost === 0) return 'overlapping';
  if (host === otherHost && (ip === '') !== (otherIp === '')) return 'dangerously ambiguous';
  return undefined;
}

function warnAboutPorts(ports: readonly Placed<ContainerPort>[]): string[] {
  const known = new Map<string, Placed<ContainerPort>[]>();
  return ports.flatMap((port) => {
    const at = port.at.toString();
    const { hostIP, hostPort, containerPort, protocol } = port.value;
    const lonely = hostIP && !hostPort;
    const warnings = lonely ? [`${at}: hostIP set without hostPort: ${portText(port.value)}`] : [];
    const key = `${containerPort}/${protocol ?? ''}`;
    const others = known.get(key) ?? [];
    known.set(key, [...others, port]);
    for (const other of others) {
      const how = relation(port.value, other.value);
      if (how === undefined) continue;
      warnings.push(`${at}: ${how} port definition with ${other.at.toString()}`);
    }
    return warnings;
  });
}

function warnAboutPortNames(ports: readonly Placed<ContainerPort>[]): string[] {
  const first = new Map<string, string>();
  return ports.flatMap(({ value: { name }, at }) => {
    if (!name) return [];
    const other = first.get(name);
    if (other !== undefined) {
      return [
        `${at.toString()}: duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`,
      ];
    }
    first.set(name, at.toString());
    return [];
  });
}

export function warnAboutContainers(spec: PodSpec, at: FieldPath): string[] {
  const containers = containersOf(spec, at);
  const ports = containers.flatMap((container) =>
    (container.value.ports ?? []).map((value, i) => ({
      value,
      at: container.at.child('ports').index(i),
    })),
  );
  return [
    ...containers.flatMap(({ value: { resources, env = [] }, at: here }) => [
      ...warnAboutFraction(resources?.limits, here.child('resources', 'limits')),
      ...warnAboutFraction(resources?.requests, here.child('resources', 'requests')),
      ...warnAboutEnv(env, here.child('env')),
    ]),
    ...warnAboutPorts(ports),
    ...warnAboutPortNames(ports),
  ];
}
