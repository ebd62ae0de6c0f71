/**
 * The variables that tell a container where the Services of its namespace are.
 *
 * Source: Kubernetes documentation "Service: Discovering services" v1.36. Upstream:
 * pkg/kubelet/envvars/envvars.go, pkg/kubelet/kubelet_pods.go (getServiceEnvVarMap).
 */
import type { Service } from '#api/gen/core-v1.ts';

const MASTER_SERVICE = 'kubernetes';
const MASTER_NAMESPACE = 'default';

/** `REDIS_SERVICE_HOST` and so on; without links, those of the API server alone. */
export function serviceVariables(
  services: readonly Service[],
  namespace: string,
  enableServiceLinks: boolean,
): Map<string, string> {
  const byName = new Map<string, Service>();
  for (const service of services) {
    const name = service.metadata?.name ?? '';
    const own = service.metadata?.namespace === namespace && enableServiceLinks;
    const master = service.metadata?.namespace === MASTER_NAMESPACE && name === MASTER_SERVICE;
    if (!hasClusterIp(service)) continue;
    if (own || (master && !byName.has(name))) byName.set(name, service);
  }
  const variables = new Map<string, string>();
  for (const service of byName.values()) addVariables(service, variables);
  return variables;
}

function hasClusterIp(service: Service): boolean {
  const ip = service.spec?.clusterIP ?? '';
  return ip !== '' && ip !== 'None' && service.spec?.type !== 'ExternalName';
}

function addVariables(service: Service, variables: Map<string, string>): void {
  const prefix = variableName(service.metadata?.name ?? '');
  const ip = service.spec?.clusterIP ?? '';
  const ports = service.spec?.ports ?? [];
  const [first] = ports;
  if (first === undefined) return;
  variables.set(`${prefix}_SERVICE_HOST`, ip);
  variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const { name, port } of ports) {
    if (name === undefined || name === '') continue;
    variables.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
  }
  const host = ip.includes(':') ? `[${ip}]` : ip;
  variables.set(`${prefix}_PORT`, `${protocolOf(first)}://${host}:${first.port}`);
  for (const port of ports) {
    const protocol = protocolOf(port);
    const name = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    variables.set(name, `${protocol}://${host}:${port.port}`);
    variables.set(`${name}_PROTO`, protocol);
    variables.set(`${name}_PORT`, String(port.port));
    variables.set(`${name}_ADDR`, ip);
  }
}

function protocolOf(port: { readonly protocol?: string }): string {
  return (port.protocol ?? 'TCP').toLowerCase();
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
