/** What one type of plug-ins is used for. Upstream: pkg/kubelet/pluginmanager/cache/types.go. */
export interface PluginHandler {
  /** Throws an Error that says why the plug-in cannot be used. */
  validate(plugin: PluginFacts): void;
  /** Resolves when it is in use; rejects when it cannot be. */
  register(plugin: PluginFacts): Promise<void>;
  /** Its socket is gone. */
  deregister(plugin: PluginFacts): void;
}

export interface PluginFacts {
  readonly name: string;
  /** Path of the socket of its service. */
  readonly endpoint: string;
  readonly versions: readonly string[];
}
