/**
 * Defaults of pods and pod templates.
 *
 * Source: upstream pkg/apis/core/v1/defaults.go. Templates get the defaults of containers, probes
 * and volumes; pods get, beyond these, requests from limits, service links and host ports.
 */
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
} from '#api/gen/core-v1.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { imageIsLatest } from './images.ts';
import {
  aggregateContainerLimits,
  aggregateContainerRequests,
  isPodLevelResource,
} from './resources.ts';
import { defaultVolume } from './volume-defaults.ts';

const GRACE_SECONDS = 30;

function defaultHttpGet(action: HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function defaultProbe(probe: Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function defaultEnvironment(container: Container | EphemeralContainer): void {
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false;
  }
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= imageIsLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  defaultEnvironment(container);
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHttpGet(container.lifecycle?.postStart?.httpGet);
  defaultHttpGet(container.lifecycle?.preStop?.httpGet);
}

/** What pods and templates have in common. */
function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= GRACE_SECONDS;
  spec.schedulerName ||= 'default-scheduler';
  // Two names for one field; the newer one wins.
  spec.serviceAccountName ||= spec.serviceAccount ?? '';
  if (spec.serviceAccountName === '') delete spec.serviceAccountName;
  else spec.serviceAccount = spec.serviceAccountName;
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
}

function requestWhatIsLimited({ resources }: Container): void {
  if (resources?.limits !== undefined)
    resources.requests = { ...resources.limits, ...resources.requests };
}

/** Resources of the whole pod, when some are given (KEP-2837). */
function defaultPodResources(pod: Pod, spec: PodSpec): void {
  const { resources } = spec;
  if (resources === undefined) return;
  const given = { ...resources.limits, ...resources.requests };
  if (Object.keys(given).length === 0) return;
  const limits = { ...resources.limits };
  for (const [name, limit] of Object.entries(aggregateContainerLimits(pod))) {
    if (name.startsWith('hugepages-') && resources.requests?.[name] === undefined)
      limits[name] ??= limit;
  }
  if (Object.keys(limits).length === 0) return;
  resources.limits = limits;
  const requests = { ...resources.requests };
  for (const [name, request] of Object.entries(aggregateContainerRequests(pod))) {
    if (name === 'cpu' || name === 'memory') requests[name] ??= request;
  }
  for (const [name, limit] of Object.entries(limits))
    if (isPodLevelResource(name)) requests[name] ??= limit;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

function defaultHostPorts(containers: readonly Container[] | undefined): void {
  for (const port of (containers ?? []).flatMap((container) => container.ports ?? [])) {
    port.hostPort ||= port.containerPort;
  }
}

/** The old field and the first of the new ones are the same; where they differ the old one counts. */
function alignAddresses({ status }: Pod): void {
  if (status === undefined) return;
  const { podIP = '', podIPs: [first] = [] } = status;
  if (podIP !== '' && podIP !== first?.ip) status.podIPs = [{ ip: podIP }];
  else if (first?.ip) status.podIP = first.ip;
}

export function defaultPod(pod: Pod): void {
  const { spec } = pod;
  alignAddresses(pod);
  if (spec === undefined) return;
  // Of pods alone, not of templates.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    requestWhatIsLimited(container);
  defaultPodResources(pod, spec);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork === true) {
    defaultHostPorts(spec.containers);
    defaultHostPorts(spec.initContainers);
  }
  defaultPodSpec(spec);
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  // Ports of the host are given to pods alone: a template that had them would change with its server.
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

interface OfTemplate {
  metadata?: ObjectMeta;
  readonly spec?: { readonly template?: PodTemplateSpec };
}

/**
 * What has no labels of its own has those of its pods: by default, and so also when a write of the
 * status took them away, for what comes out of the store has defaults.
 */
export function labelLikePods(object: OfTemplate): void {
  const labels = object.spec?.template?.metadata?.labels;
  if (labels === undefined || Object.keys(object.metadata?.labels ?? {}).length > 0) return;
  object.metadata = { ...object.metadata, labels: { ...labels } };
}
