// Generated. Do not edit.
export interface VersionRequest {
  version?: string;
}

export interface VersionResponse {
  version?: string;
  runtimeName?: string;
  runtimeVersion?: string;
  runtimeApiVersion?: string;
}

export interface DNSConfig {
  servers?: string[];
  searches?: string[];
  options?: string[];
}

export interface PortMapping {
  protocol?: number;
  containerPort?: number;
  hostPort?: number;
  hostIp?: string;
}

export interface Mount {
  containerPath?: string;
  hostPath?: string;
  readonly?: boolean;
  selinuxRelabel?: boolean;
  propagation?: number;
  uidMappings?: IDMapping[];
  gidMappings?: IDMapping[];
  recursiveReadOnly?: boolean;
  image?: ImageSpec;
  imageSubPath?: string;
}

export interface IDMapping {
  hostId?: number;
  containerId?: number;
  length?: number;
}

export interface UserNamespace {
  mode?: number;
  uids?: IDMapping[];
  gids?: IDMapping[];
}

export interface NamespaceOption {
  network?: number;
  pid?: number;
  ipc?: number;
  targetId?: string;
  usernsOptions?: UserNamespace;
}

export interface Int64Value {
  value?: number;
}

export interface LinuxSandboxSecurityContext {
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  runAsGroup?: Int64Value;
  readonlyRootfs?: boolean;
  supplementalGroups?: number[];
  supplementalGroupsPolicy?: number;
  privileged?: boolean;
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  seccompProfilePath?: string;
}

export interface SecurityProfile {
  profileType?: number;
  localhostRef?: string;
}

export interface LinuxPodSandboxConfig {
  cgroupParent?: string;
  securityContext?: LinuxSandboxSecurityContext;
  sysctls?: Record<string, string>;
  overhead?: LinuxContainerResources;
  resources?: LinuxContainerResources;
}

export interface PodSandboxMetadata {
  name?: string;
  uid?: string;
  namespace?: string;
  attempt?: number;
}

export interface PodSandboxConfig {
  metadata?: PodSandboxMetadata;
  hostname?: string;
  logDirectory?: string;
  dnsConfig?: DNSConfig;
  portMappings?: PortMapping[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  linux?: LinuxPodSandboxConfig;
  windows?: WindowsPodSandboxConfig;
}

export interface RunPodSandboxRequest {
  config?: PodSandboxConfig;
  runtimeHandler?: string;
}

export interface RunPodSandboxResponse {
  podSandboxId?: string;
}

export interface StopPodSandboxRequest {
  podSandboxId?: string;
}

export interface StopPodSandboxResponse {
}

export interface RemovePodSandboxRequest {
  podSandboxId?: string;
}

export interface RemovePodSandboxResponse {
}

export interface PodSandboxStatusRequest {
  podSandboxId?: string;
  verbose?: boolean;
}

export interface PodIP {
  ip?: string;
}

export interface PodSandboxNetworkStatus {
  ip?: string;
  additionalIps?: PodIP[];
}

export interface Namespace {
  options?: NamespaceOption;
}

export interface LinuxPodSandboxStatus {
  namespaces?: Namespace;
}

export interface PodSandboxStatus {
  id?: string;
  metadata?: PodSandboxMetadata;
  state?: number;
  createdAt?: number;
  network?: PodSandboxNetworkStatus;
  linux?: LinuxPodSandboxStatus;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  runtimeHandler?: string;
}

export interface PodSandboxStatusResponse {
  status?: PodSandboxStatus;
  info?: Record<string, string>;
  containersStatuses?: ContainerStatus[];
  timestamp?: number;
}

export interface PodSandboxStateValue {
  state?: number;
}

export interface PodSandboxFilter {
  id?: string;
  state?: PodSandboxStateValue;
  labelSelector?: Record<string, string>;
}

export interface ListPodSandboxRequest {
  filter?: PodSandboxFilter;
}

export interface PodSandbox {
  id?: string;
  metadata?: PodSandboxMetadata;
  state?: number;
  createdAt?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  runtimeHandler?: string;
}

export interface ListPodSandboxResponse {
  items?: PodSandbox[];
}

export interface StreamPodSandboxesRequest {
  filter?: PodSandboxFilter;
}

export interface StreamPodSandboxesResponse {
  podSandboxes?: PodSandbox[];
}

export interface PodSandboxStatsRequest {
  podSandboxId?: string;
}

export interface PodSandboxStatsResponse {
  stats?: PodSandboxStats;
}

export interface PodSandboxStatsFilter {
  id?: string;
  labelSelector?: Record<string, string>;
}

export interface ListPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface ListPodSandboxStatsResponse {
  stats?: PodSandboxStats[];
}

export interface StreamPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface StreamPodSandboxStatsResponse {
  podSandboxStats?: PodSandboxStats[];
}

export interface PodSandboxAttributes {
  id?: string;
  metadata?: PodSandboxMetadata;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface PodSandboxStats {
  attributes?: PodSandboxAttributes;
  linux?: LinuxPodSandboxStats;
  windows?: WindowsPodSandboxStats;
}

export interface LinuxPodSandboxStats {
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  network?: NetworkUsage;
  process?: ProcessUsage;
  containers?: ContainerStats[];
  io?: IoUsage;
}

export interface WindowsPodSandboxStats {
  cpu?: WindowsCpuUsage;
  memory?: WindowsMemoryUsage;
  network?: WindowsNetworkUsage;
  process?: WindowsProcessUsage;
  containers?: WindowsContainerStats[];
}

export interface NetworkUsage {
  timestamp?: number;
  defaultInterface?: NetworkInterfaceUsage;
  interfaces?: NetworkInterfaceUsage[];
}

export interface WindowsNetworkUsage {
  timestamp?: number;
  defaultInterface?: WindowsNetworkInterfaceUsage;
  interfaces?: WindowsNetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  name?: string;
  rxBytes?: UInt64Value;
  rxErrors?: UInt64Value;
  txBytes?: UInt64Value;
  txErrors?: UInt64Value;
}

export interface WindowsNetworkInterfaceUsage {
  name?: string;
  rxBytes?: UInt64Value;
  rxPacketsDropped?: UInt64Value;
  txBytes?: UInt64Value;
  txPacketsDropped?: UInt64Value;
}

export interface ProcessUsage {
  timestamp?: number;
  processCount?: UInt64Value;
}

export interface WindowsProcessUsage {
  timestamp?: number;
  processCount?: UInt64Value;
}

export interface ImageSpec {
  image?: string;
  annotations?: Record<string, string>;
  userSpecifiedImage?: string;
  runtimeHandler?: string;
  imageRef?: string;
}

export interface KeyValue {
  key?: string;
  value?: Uint8Array;
}

export interface LinuxContainerResources {
  cpuPeriod?: number;
  cpuQuota?: number;
  cpuShares?: number;
  memoryLimitInBytes?: number;
  oomScoreAdj?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  hugepageLimits?: HugepageLimit[];
  unified?: Record<string, string>;
  memorySwapLimitInBytes?: number;
}

export interface HugepageLimit {
  pageSize?: string;
  limit?: number;
}

export interface SELinuxOption {
  user?: string;
  role?: string;
  type?: string;
  level?: string;
}

export interface Capability {
  addCapabilities?: string[];
  dropCapabilities?: string[];
  addAmbientCapabilities?: string[];
}

export interface LinuxContainerSecurityContext {
  capabilities?: Capability;
  privileged?: boolean;
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  runAsGroup?: Int64Value;
  runAsUsername?: string;
  readonlyRootfs?: boolean;
  supplementalGroups?: number[];
  supplementalGroupsPolicy?: number;
  noNewPrivs?: boolean;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  apparmorProfile?: string;
  seccompProfilePath?: string;
}

export interface LinuxContainerConfig {
  resources?: LinuxContainerResources;
  securityContext?: LinuxContainerSecurityContext;
}

export interface LinuxContainerUser {
  uid?: number;
  gid?: number;
  supplementalGroups?: number[];
}

export interface WindowsNamespaceOption {
  network?: number;
}

export interface WindowsSandboxSecurityContext {
  runAsUsername?: string;
  credentialSpec?: string;
  hostProcess?: boolean;
  namespaceOptions?: WindowsNamespaceOption;
}

export interface WindowsPodSandboxConfig {
  securityContext?: WindowsSandboxSecurityContext;
}

export interface WindowsContainerSecurityContext {
  runAsUsername?: string;
  credentialSpec?: string;
  hostProcess?: boolean;
}

export interface WindowsContainerConfig {
  resources?: WindowsContainerResources;
  securityContext?: WindowsContainerSecurityContext;
}

export interface WindowsContainerResources {
  cpuShares?: number;
  cpuCount?: number;
  cpuMaximum?: number;
  memoryLimitInBytes?: number;
  rootfsSizeInBytes?: number;
  affinityCpus?: WindowsCpuGroupAffinity[];
}

export interface WindowsCpuGroupAffinity {
  cpuMask?: number;
  cpuGroup?: number;
}

export interface ContainerMetadata {
  name?: string;
  attempt?: number;
}

export interface Device {
  containerPath?: string;
  hostPath?: string;
  permissions?: string;
}

export interface CDIDevice {
  name?: string;
}

export interface ContainerConfig {
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  command?: string[];
  args?: string[];
  workingDir?: string;
  envs?: KeyValue[];
  mounts?: Mount[];
  devices?: Device[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  logPath?: string;
  stdin?: boolean;
  stdinOnce?: boolean;
  tty?: boolean;
  linux?: LinuxContainerConfig;
  windows?: WindowsContainerConfig;
  CDIDevices?: CDIDevice[];
  stopSignal?: number;
}

export interface CreateContainerRequest {
  podSandboxId?: string;
  config?: ContainerConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface CreateContainerResponse {
  containerId?: string;
}

export interface StartContainerRequest {
  containerId?: string;
}

export interface StartContainerResponse {
}

export interface StopContainerRequest {
  containerId?: string;
  timeout?: number;
}

export interface StopContainerResponse {
}

export interface RemoveContainerRequest {
  containerId?: string;
}

export interface RemoveContainerResponse {
}

export interface ContainerStateValue {
  state?: number;
}

export interface ContainerFilter {
  id?: string;
  state?: ContainerStateValue;
  podSandboxId?: string;
  labelSelector?: Record<string, string>;
}

export interface ListContainersRequest {
  filter?: ContainerFilter;
}

export interface Container {
  id?: string;
  podSandboxId?: string;
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  imageRef?: string;
  state?: number;
  createdAt?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  imageId?: string;
}

export interface ListContainersResponse {
  containers?: Container[];
}

export interface StreamContainersRequest {
  filter?: ContainerFilter;
}

export interface StreamContainersResponse {
  containers?: Container[];
}

export interface ContainerStatusRequest {
  containerId?: string;
  verbose?: boolean;
}

export interface ContainerStatus {
  id?: string;
  metadata?: ContainerMetadata;
  state?: number;
  createdAt?: number;
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  image?: ImageSpec;
  imageRef?: string;
  reason?: string;
  message?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  mounts?: Mount[];
  logPath?: string;
  resources?: ContainerResources;
  imageId?: string;
  user?: ContainerUser;
  stopSignal?: number;
}

export interface ContainerStatusResponse {
  status?: ContainerStatus;
  info?: Record<string, string>;
}

export interface ContainerResources {
  linux?: LinuxContainerResources;
  windows?: WindowsContainerResources;
}

export interface ContainerUser {
  linux?: LinuxContainerUser;
}

export interface UpdateContainerResourcesRequest {
  containerId?: string;
  linux?: LinuxContainerResources;
  windows?: WindowsContainerResources;
  annotations?: Record<string, string>;
}

export interface UpdateContainerResourcesResponse {
}

export interface ExecSyncRequest {
  containerId?: string;
  cmd?: string[];
  timeout?: number;
}

export interface ExecSyncResponse {
  stdout?: Uint8Array;
  stderr?: Uint8Array;
  exitCode?: number;
}

export interface ExecRequest {
  containerId?: string;
  cmd?: string[];
  tty?: boolean;
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
}

export interface ExecResponse {
  url?: string;
}

export interface AttachRequest {
  containerId?: string;
  stdin?: boolean;
  tty?: boolean;
  stdout?: boolean;
  stderr?: boolean;
}

export interface AttachResponse {
  url?: string;
}

export interface PortForwardRequest {
  podSandboxId?: string;
  port?: number[];
}

export interface PortForwardResponse {
  url?: string;
}

export interface ImageFilter {
  image?: ImageSpec;
}

export interface ListImagesRequest {
  filter?: ImageFilter;
}

export interface Image {
  id?: string;
  repoTags?: string[];
  repoDigests?: string[];
  size?: number;
  uid?: Int64Value;
  username?: string;
  spec?: ImageSpec;
  pinned?: boolean;
}

export interface ListImagesResponse {
  images?: Image[];
}

export interface StreamImagesRequest {
  filter?: ImageFilter;
}

export interface StreamImagesResponse {
  images?: Image[];
}

export interface ImageStatusRequest {
  image?: ImageSpec;
  verbose?: boolean;
}

export interface ImageStatusResponse {
  image?: Image;
  info?: Record<string, string>;
}

export interface AuthConfig {
  username?: string;
  password?: string;
  auth?: string;
  serverAddress?: string;
  identityToken?: string;
  registryToken?: string;
}

export interface PullImageRequest {
  image?: ImageSpec;
  auth?: AuthConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface PullImageResponse {
  imageRef?: string;
}

export interface RemoveImageRequest {
  image?: ImageSpec;
}

export interface RemoveImageResponse {
}

export interface NetworkConfig {
  podCidr?: string;
}

export interface RuntimeConfig {
  networkConfig?: NetworkConfig;
}

export interface UpdateRuntimeConfigRequest {
  runtimeConfig?: RuntimeConfig;
}

export interface UpdateRuntimeConfigResponse {
}

export interface RuntimeCondition {
  type?: string;
  status?: boolean;
  reason?: string;
  message?: string;
}

export interface RuntimeStatus {
  conditions?: RuntimeCondition[];
}

export interface StatusRequest {
  verbose?: boolean;
}

export interface RuntimeHandlerFeatures {
  recursiveReadOnlyMounts?: boolean;
  userNamespaces?: boolean;
}

export interface RuntimeHandler {
  name?: string;
  features?: RuntimeHandlerFeatures;
}

export interface RuntimeFeatures {
  supplementalGroupsPolicy?: boolean;
  userNamespacesHostNetwork?: boolean;
}

export interface StatusResponse {
  status?: RuntimeStatus;
  info?: Record<string, string>;
  runtimeHandlers?: RuntimeHandler[];
  features?: RuntimeFeatures;
}

export interface ImageFsInfoRequest {
}

export interface UInt64Value {
  value?: number;
}

export interface FilesystemIdentifier {
  mountpoint?: string;
}

export interface FilesystemUsage {
  timestamp?: number;
  fsId?: FilesystemIdentifier;
  usedBytes?: UInt64Value;
  inodesUsed?: UInt64Value;
}

export interface WindowsFilesystemUsage {
  timestamp?: number;
  fsId?: FilesystemIdentifier;
  usedBytes?: UInt64Value;
}

export interface ImageFsInfoResponse {
  imageFilesystems?: FilesystemUsage[];
  containerFilesystems?: FilesystemUsage[];
}

export interface ContainerStatsRequest {
  containerId?: string;
}

export interface ContainerStatsResponse {
  stats?: ContainerStats;
}

export interface ListContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface ContainerStatsFilter {
  id?: string;
  podSandboxId?: string;
  labelSelector?: Record<string, string>;
}

export interface ListContainerStatsResponse {
  stats?: ContainerStats[];
}

export interface StreamContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface StreamContainerStatsResponse {
  containerStats?: ContainerStats[];
}

export interface ContainerAttributes {
  id?: string;
  metadata?: ContainerMetadata;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface ContainerStats {
  attributes?: ContainerAttributes;
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  writableLayer?: FilesystemUsage;
  swap?: SwapUsage;
  io?: IoUsage;
}

export interface WindowsContainerStats {
  attributes?: ContainerAttributes;
  cpu?: WindowsCpuUsage;
  memory?: WindowsMemoryUsage;
  writableLayer?: WindowsFilesystemUsage;
}

export interface PsiStats {
  Full?: PsiData;
  Some?: PsiData;
}

export interface PsiData {
  Total?: number;
  Avg10?: number;
  Avg60?: number;
  Avg300?: number;
}

export interface CpuUsage {
  timestamp?: number;
  usageCoreNanoSeconds?: UInt64Value;
  usageNanoCores?: UInt64Value;
  psi?: PsiStats;
}

export interface WindowsCpuUsage {
  timestamp?: number;
  usageCoreNanoSeconds?: UInt64Value;
  usageNanoCores?: UInt64Value;
}

export interface MemoryUsage {
  timestamp?: number;
  workingSetBytes?: UInt64Value;
  availableBytes?: UInt64Value;
  usageBytes?: UInt64Value;
  rssBytes?: UInt64Value;
  pageFaults?: UInt64Value;
  majorPageFaults?: UInt64Value;
  psi?: PsiStats;
}

export interface IoUsage {
  timestamp?: number;
  psi?: PsiStats;
}

export interface SwapUsage {
  timestamp?: number;
  swapAvailableBytes?: UInt64Value;
  swapUsageBytes?: UInt64Value;
}

export interface WindowsMemoryUsage {
  timestamp?: number;
  workingSetBytes?: UInt64Value;
  availableBytes?: UInt64Value;
  pageFaults?: UInt64Value;
  commitMemoryBytes?: UInt64Value;
}

export interface ReopenContainerLogRequest {
  containerId?: string;
}

export interface ReopenContainerLogResponse {
}

export interface CheckpointContainerRequest {
  containerId?: string;
  location?: string;
  timeout?: number;
}

export interface CheckpointContainerResponse {
}

export interface GetEventsRequest {
}

export interface ContainerEventResponse {
  containerId?: string;
  containerEventType?: number;
  createdAt?: number;
  podSandboxStatus?: PodSandboxStatus;
  containersStatuses?: ContainerStatus[];
}

export interface ListMetricDescriptorsRequest {
}

export interface ListMetricDescriptorsResponse {
  descriptors?: MetricDescriptor[];
}

export interface MetricDescriptor {
  name?: string;
  help?: string;
  labelKeys?: string[];
}

export interface ListPodSandboxMetricsRequest {
}

export interface ListPodSandboxMetricsResponse {
  podMetrics?: PodSandboxMetrics[];
}

export interface StreamPodSandboxMetricsRequest {
}

export interface StreamPodSandboxMetricsResponse {
  podSandboxMetrics?: PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  podSandboxId?: string;
  metrics?: Metric[];
  containerMetrics?: ContainerMetrics[];
}

export interface ContainerMetrics {
  containerId?: string;
  metrics?: Metric[];
}

export interface Metric {
  name?: string;
  timestamp?: number;
  metricType?: number;
  labelValues?: string[];
  value?: UInt64Value;
}

export interface RuntimeConfigRequest {
}

export interface RuntimeConfigResponse {
  linux?: LinuxRuntimeConfiguration;
}

export interface LinuxRuntimeConfiguration {
  cgroupDriver?: number;
}

export interface UpdatePodSandboxResourcesRequest {
  podSandboxId?: string;
  overhead?: LinuxContainerResources;
  resources?: LinuxContainerResources;
}

export interface UpdatePodSandboxResourcesResponse {
}

