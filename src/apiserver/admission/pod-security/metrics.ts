/**
 * What PodSecurity has decided, counted.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/metrics/metrics.go, v1.36.
 */
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import { versionInfo } from '../../version.ts';
import type { Attributes } from '../admission.ts';
import { isFor, PODS } from '../targets.ts';
import type { Mode } from './policy.ts';
import { type LevelVersion, versionText } from './version.ts';

const REQUEST = ['request_operation', 'resource', 'subresource'];

type Asked = Pick<Attributes, 'kind' | 'operation' | 'subresource'>;

export class PodSecurityMetrics {
  readonly #evaluations: Counter;
  readonly #exemptions: Counter;
  readonly #errors: Counter;

  constructor(registry: MetricRegistry) {
    this.#evaluations = registry.counter(
      alpha(
        'pod_security_evaluations_total',
        'Policies that requests were held against; without those that are exempt or of no concern.',
        'decision',
        'policy_level',
        'policy_version',
        'mode',
        ...REQUEST,
      ),
    );
    this.#exemptions = registry.counter(
      alpha(
        'pod_security_exemptions_total',
        'Requests that were let in because their user, namespace or runtime class is exempt.',
        ...REQUEST,
      ),
    );
    this.#errors = registry.counter(
      alpha(
        'pod_security_errors_total',
        'Errors that stood in the way of an evaluation. After one that is not fatal the newest restricted level may have been used.',
        'fatal',
        ...REQUEST,
      ),
    );
    for (const operation of ['create', 'update']) {
      this.#evaluations.add(['allow', 'privileged', 'latest', 'enforce', operation, 'pod', ''], 0);
      for (const resource of ['pod', 'controller'])
        this.#exemptions.add([operation, resource, ''], 0);
    }
  }

  evaluation(decision: 'allow' | 'deny', held: LevelVersion, mode: Mode, asked: Asked): void {
    const version = versionLabel(held);
    this.#evaluations.add([decision, held.level, version, mode, ...requestLabels(asked)]);
  }

  exemption(asked: Asked): void {
    this.#exemptions.add(requestLabels(asked));
  }

  error(fatal: boolean, asked: Asked): void {
    this.#errors.add([String(fatal), ...requestLabels(asked)]);
  }
}

const OWN_MINOR = Number(versionInfo().minor);

/** Bounded: versions that are yet to come are one. */
function versionLabel({ level, version }: LevelVersion): string {
  // What has no checks is the same at each version.
  if (level === 'privileged' || version === 'latest') return 'latest';
  return version > OWN_MINOR ? 'future' : versionText(version);
}

function requestLabels(asked: Asked): string[] {
  return [
    asked.operation.toLowerCase(),
    isFor(asked, PODS) ? 'pod' : 'controller',
    asked.subresource,
  ];
}
