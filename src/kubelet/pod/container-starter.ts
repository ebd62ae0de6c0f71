/**
 * Starts one container: image, configuration, create, start, postStart hook. Its image can be looked
 * for while the pod's sandbox is being made.
 *
 * Upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go (startContainer), v1.36. Every
 * failure is a StartError, which becomes the waiting state of the container.
 */
import type { ContainerConfig, ImageSpec, PodSandboxConfig } from '#api/gen/cri-v1.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { GrpcError } from '#base/grpc.ts';
import { containerConfig, podLogDirectory } from '../container/container-config.ts';
import { containerEnvironment } from '../container/environment.ts';
import { podHostname } from '../container/hostname.ts';
import { hostsFile } from '../container/hosts-file.ts';
import { containerMounts, HOSTS_PATH, volumeDevices } from '../container/mounts.ts';
import { checkNonRoot } from '../container/security-context.ts';
import type { PodEvents } from '../events.ts';
import type { FoundImage } from '../images/image-puller.ts';
import { pullImageVolumes } from '../images/image-volumes.ts';
import type { MountedVolume } from '../volumes/volume-manager.ts';
import type { ContainerKiller } from './container-killer.ts';
import { canMountRecursiveReadOnly, type NodeContext, downwardFacts } from './node-context.ts';
import { latestContainer, type ObservedPod, type ObservedSandbox } from './observed.ts';
import type { ContainerStart } from './plan.ts';
import { plainMessage, StartError } from './start-error.ts';

export interface StartRequest {
  readonly pod: Pod;
  readonly start: ContainerStart;
  readonly observed: ObservedPod;
  readonly sandbox: ObservedSandbox;
  readonly sandboxConfig: PodSandboxConfig;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly events: PodEvents;
  /** Fires when the pod shall end: stops waiting for images and hooks. */
  readonly signal: AbortSignal;
  /** The image that was there a moment ago. */
  readonly foundImage: FoundImage | undefined;
}

/** What the container runs from, and what it mounts, by name of the volume. */
interface FoundImages {
  readonly image: FoundImage;
  readonly imageVolumes: ReadonlyMap<string, ImageSpec>;
}

/** A name that the runtime holds for a container it has half forgotten. */
const NAME_RESERVED = /name .* is reserved for/i;
const RESERVED_TRIES_MAX = 20;

export class ContainerStarter {
  readonly #node: NodeContext;
  readonly #killer: ContainerKiller;

  constructor(node: NodeContext, killer: ContainerKiller) {
    this.#node = node;
    this.#killer = killer;
  }

  /** Gives the container's id. Rejects with StartError. */
  async start(request: StartRequest): Promise<string> {
    const container = asContainer(request);
    const fail = (error: unknown, reason: string): StartError => {
      const message = `Error: ${error instanceof StartError ? error.reason : plainMessage(error)}`;
      request.events.container(container, { type: 'Warning', reason: 'Failed', message });
      return error instanceof StartError ? error : new StartError(reason, plainMessage(error));
    };
    const { image: named = '', imagePullPolicy: pullPolicy } = container;
    const image = await this.#node.images
      .ensure({
        ...request,
        image: named,
        found: request.foundImage,
        pullPolicy,
        tell: (event) => request.events.container(container, event),
      })
      .catch((error: unknown) => {
        throw fail(error, 'ErrImagePull');
      });
    const imageVolumes = await pullImageVolumes(this.#node, { ...request, container }).catch(
      (error: unknown) => {
        throw fail(error, 'ErrImagePull');
      },
    );
    const found = { image, imageVolumes };
    const config = await this.#configure(request, container, found).catch((error: unknown) => {
      throw fail(error, 'CreateContainerConfigError');
    });
    if (request.signal.aborted) throw new StartError('CreateContainerError', 'context canceled');
    if (request.start.kind !== 'ephemeral') this.#node.resizer.started(request.pod, container);
    const id = await this.#create(request, config).catch((error: unknown) => {
      throw fail(error, 'CreateContainerError');
    });
    this.#report(request, container, 'Created', 'Container created');
    try {
      await this.#node.cri.call('startContainer', { containerId: id });
    } catch (error) {
      throw fail(error, 'RunContainerError');
    }
    this.#report(request, container, 'Started', 'Container started');
    await this.#postStart(request, container, id);
    return id;
  }

  #report(request: StartRequest, container: Container, reason: string, message: string): void {
    request.events.container(container, { type: 'Normal', reason, message });
  }

  /** A name may be reserved by a container that was made just before we were killed. */
  async #create(request: StartRequest, first: ContainerConfig): Promise<string> {
    let config = first;
    for (let tries = 0; ; tries++) {
      try {
        const answer = await this.#node.cri.call('createContainer', {
          podSandboxId: request.sandbox.id,
          config,
          sandboxConfig: request.sandboxConfig,
        });
        return answer.containerId ?? '';
      } catch (error) {
        const reserved = error instanceof GrpcError && NAME_RESERVED.test(error.description);
        if (!reserved || tries >= RESERVED_TRIES_MAX) throw error;
        const attempt = (config.metadata?.attempt ?? 0) + 1;
        config = { ...config, metadata: { ...config.metadata, attempt } };
      }
    }
  }

  async #configure(
    request: StartRequest,
    container: Container,
    { image, imageVolumes }: FoundImages,
  ): Promise<ContainerConfig> {
    const { pod, observed, sandbox, volumes } = request;
    const { fileSystem, settings, mounter } = this.#node;
    checkNonRoot(pod, container, image.user);
    const podIps = pod.spec?.hostNetwork === true ? this.#node.hostIps() : sandbox.ips;
    const devices = await this.#node.devices.ofContainer(pod, container);
    const podDirectory = this.#node.volumes.podDirectory(pod.metadata?.uid ?? '');
    const logDirectory = `${podLogDirectory(settings.logRoot, pod)}/${container.name}`;
    const [own, restartCount, hosts] = await Promise.all([
      containerEnvironment({
        pod,
        container,
        services: await this.#node.services(pod),
        objects: this.#node.objects,
        facts: downwardFacts(this.#node, podIps),
        files: { fileSystem, volumes },
      }),
      this.#restartCount(container, observed, logDirectory),
      this.#hostsFile(pod, podDirectory, podIps),
      fileSystem.makeDirectory(logDirectory, 0o755),
    ]);
    const environment = new Map([...devices.environment, ...own]);
    const directory = `${podDirectory}/containers/${container.name}`;
    const suffix = Buffer.from(this.#node.environment.random.bytes(4)).toString('hex');
    const terminationHostPath = `${directory}/${suffix}`;
    const mounting = containerMounts({
      pod,
      container,
      volumes,
      environment,
      podDirectory,
      terminationHostPath,
      fileSystem,
      mounter,
      imageVolumes,
      canRecursiveReadOnly: canMountRecursiveReadOnly(this.#node, pod),
      hostsFile: hosts,
    });
    const [mounts] = await Promise.all([
      mounting,
      this.#makeTerminationFile(directory, terminationHostPath),
    ]);
    const targetContainerId = this.#target(request);
    const { usernsOptions } = request.sandboxConfig.linux?.securityContext?.namespaceOptions ?? {};
    return containerConfig({
      pod,
      container,
      restartCount,
      imageRef: image.ref,
      imageUser: image.user,
      environment,
      mounts: [...devices.mounts, ...mounts],
      devices: {
        ...devices,
        devices: [...volumeDevices(container, volumes), ...devices.devices],
      },
      terminationHostPath,
      limits: settings.limits,
      seccompDirectory: settings.seccompDirectory,
      seccompDefault: settings.seccompDefault,
      ...(targetContainerId === undefined ? {} : { targetContainerId }),
      ...(usernsOptions === undefined ? {} : { userNamespace: usernsOptions }),
    });
  }

  /** The container whose processes an ephemeral one shall see. Throws when it does not run. */
  #target({ start, observed }: StartRequest): string | undefined {
    const name =
      'targetContainerName' in start.container ? start.container.targetContainerName : '';
    if (start.kind !== 'ephemeral' || name === undefined || name === '') return undefined;
    const target = latestContainer(observed, name);
    if (target?.state === 'running') return target.id;
    throw new Error(`unable to find target container "${name}"`);
  }

  /** One more than the last known; after the runtime forgot, one more than the newest log file. */
  async #restartCount(
    { name }: Container,
    observed: ObservedPod,
    logDirectory: string,
  ): Promise<number> {
    const latest = latestContainer(observed, name);
    if (latest !== undefined) return latest.restartCount + 1;
    const names = await this.#node.fileSystem.list(logDirectory).catch(() => []);
    const numbers = names.map((file) => /^([0-9]+)\.log/.exec(file)?.[1]).filter(Boolean);
    return numbers.length === 0 ? 0 : Math.max(...numbers.map(Number)) + 1;
  }

  /** In the directory of the container. */
  async #makeTerminationFile(directory: string, path: string): Promise<void> {
    const { fileSystem } = this.#node;
    await fileSystem.makeDirectory(directory, 0o750);
    await fileSystem.writeFile(path, '');
    // The container may run as any user.
    await fileSystem.chmod(path, 0o666);
  }

  async #hostsFile(pod: Pod, podDirectory: string, ips: readonly string[]): Promise<string> {
    const { fileSystem, settings } = this.#node;
    const onHost = pod.spec?.hostNetwork === true;
    const text = hostsFile({
      ...podHostname(pod, settings.clusterDomain),
      ips,
      aliases: pod.spec?.hostAliases ?? [],
      ...(onHost ? { nodeFile: await fileSystem.readText(HOSTS_PATH) } : {}),
    });
    const path = `${podDirectory}/etc-hosts`;
    await fileSystem.makeDirectory(podDirectory, 0o750);
    await fileSystem.writeFile(path, text);
    await fileSystem.chmod(path, 0o644);
    return path;
  }

  async #postStart(request: StartRequest, container: Container, id: string): Promise<void> {
    const handler = container.lifecycle?.postStart;
    if (handler === undefined) return;
    const { pod, sandbox, signal } = request;
    const podIp = sandbox.ips[0] ?? this.#node.hostIps()[0] ?? '';
    try {
      await this.#node.hooks.run({ handler, pod, container, containerId: id, podIp, signal });
    } catch (error) {
      // The message may hold secrets of the server that answered: it is not for the event.
      const event = { type: 'Warning', reason: 'FailedPostStartHook' } as const;
      request.events.container(container, { ...event, message: 'PostStartHook failed' });
      await this.#killer.kill({
        pod,
        container,
        containerId: id,
        podIp,
        message: 'FailedPostStartHook',
        events: request.events,
        gracePeriodSeconds: pod.spec?.terminationGracePeriodSeconds ?? 30,
      });
      throw new StartError('PostStartHookError', plainMessage(error));
    }
  }
}

/** Ephemeral containers have the fields of others, but those that validation forbids. */
function asContainer({ start }: StartRequest): Container {
  return start.container;
}
