/** For tests of admission policies: an API server, and policies with their bindings. */
import { TestApiServer } from './api-server.ts';
import { CONFIGURATIONS } from './webhook-server.ts';

type ServerOptions = NonNullable<ConstructorParameters<typeof TestApiServer>[0]>;

export class PolicyServer {
  readonly api: TestApiServer;

  constructor(api: TestApiServer) {
    this.api = api;
  }

  static async start(options: ServerOptions = {}): Promise<PolicyServer> {
    return new PolicyServer(await TestApiServer.start(options));
  }

  /**
   * A ValidatingAdmissionPolicy, of all writes of ConfigMaps unless `spec` says otherwise, and
   * bindings by their names, which deny unless they say otherwise.
   */
  async validating(
    name: string,
    spec: object,
    bindings: Readonly<Record<string, object>> = { b: {} },
  ): Promise<void> {
    await this.#create('validating', name, {
      spec,
      bindings,
      common: { validationActions: ['Deny'] },
    });
  }

  /** A MutatingAdmissionPolicy, likewise; never asked again unless `spec` says otherwise. */
  async mutating(
    name: string,
    spec: object,
    bindings: Readonly<Record<string, object>> = { b: {} },
  ): Promise<void> {
    const all = { reinvocationPolicy: 'Never', ...spec };
    await this.#create('mutating', name, { spec: all, bindings, common: {} });
  }

  async #create(
    type: 'validating' | 'mutating',
    name: string,
    made: {
      readonly spec: object;
      readonly bindings: Readonly<Record<string, object>>;
      readonly common: object;
    },
  ): Promise<void> {
    const matchConstraints = { resourceRules: [rule('configmaps')] };
    await this.api.must(`POST ${CONFIGURATIONS}/${type}admissionpolicies`, {
      metadata: { name },
      spec: { matchConstraints, ...made.spec },
    });
    for (const [binding, spec] of Object.entries(made.bindings))
      await this.api.must(`POST ${CONFIGURATIONS}/${type}admissionpolicybindings`, {
        metadata: { name: binding },
        spec: { policyName: name, ...made.common, ...spec },
      });
  }
}

/** One rule of a policy: creations and updates of a resource, unless `over` says otherwise. */
export function rule(resource: string, group = '', over: object = {}): object {
  return {
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [group],
    apiVersions: ['v1'],
    resources: [resource],
    ...over,
  };
}

/** Also a ReplicaSet. */
export function deployment(name: string, replicas: number): object {
  const labels = { app: name };
  return {
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'nginx', image: 'nginx' }] },
      },
    },
  };
}

/** A mutation by a configuration that is applied. */
export function apply(expression: string): object {
  return { patchType: 'ApplyConfiguration', applyConfiguration: { expression } };
}

/** A mutation by a JSON Patch. */
export function patch(expression: string): object {
  return { patchType: 'JSONPatch', jsonPatch: { expression } };
}
