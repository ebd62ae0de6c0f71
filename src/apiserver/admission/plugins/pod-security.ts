/**
 * PodSecurity: pods are held against the Pod Security Standards, as the labels of their namespace
 * say: refused, told of in the audit event, or warned of. Templates of pods are never refused.
 *
 * Source: Kubernetes documentation, "Pod Security Admission"; upstream
 * staging/src/k8s.io/pod-security-admission/admission/admission.go, v1.36.
 */
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import { forbidden, internalError, invalid } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { ownNamespace } from '../own-namespace.ts';
import type { CheckedPod, Finding } from '../pod-security/check.ts';
import { detailsText, findingsOf } from '../pod-security/evaluate.ts';
import { existingPodWarnings, prioritised } from '../pod-security/existing-pods.ts';
import { PodSecurityMetrics } from '../pod-security/metrics.ts';
import { POD_SECURITY_DEFAULTS, type PodSecurityOptions } from '../pod-security/options.ts';
import {
  exemptionWarning,
  isFullyPrivileged,
  type Policy,
  policyOf,
  PREFIX,
} from '../pod-security/policy.ts';
import { checkedPod, isSignificant, makesPods, templateOf } from '../pod-security/templates.ts';
import {
  compareLevels,
  type LevelVersion,
  levelVersionText,
  sameLevelVersion,
} from '../pod-security/version.ts';
import { joined } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NAMESPACES, PODS } from '../targets.ts';

/** Views of a pod that leave its spec as it is. */
const IGNORED_SUBRESOURCES: ReadonlySet<string> = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'status',
]);

export function podSecurity(services: AdmissionServices): AdmissionPlugin {
  const options = services.configuration?.podSecurity ?? POD_SECURITY_DEFAULTS;
  const guard = new PodSecurity(services, options);
  return {
    name: 'PodSecurity',
    validate(attributes) {
      const { operation } = attributes;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
      if (isFor(attributes, NAMESPACES)) return guard.validateNamespace(attributes);
      if (isFor(attributes, PODS)) return guard.validatePod(attributes);
      return makesPods(attributes) ? guard.validateTemplate(attributes) : undefined;
    },
  };
}

/** What the labels of a pod's namespace ask of it. */
interface Asked {
  readonly policy: Policy;
  /** What is wrong with the labels. */
  readonly error?: string;
}

class PodSecurity {
  readonly #services: AdmissionServices;
  readonly #options: PodSecurityOptions;
  readonly #metrics: PodSecurityMetrics;

  constructor(services: AdmissionServices, options: PodSecurityOptions) {
    this.#services = services;
    this.#options = options;
    this.#metrics = new PodSecurityMetrics(services.metricRegistry);
  }

  async validateNamespace(attributes: Attributes): Promise<void> {
    if (attributes.subresource !== '') return;
    const { defaults, exemptions } = this.#options;
    const { name } = attributes;
    const labels = attributes.object?.metadata?.labels ?? {};
    const { policy, errors } = policyOf(labels, defaults);
    const invalidLabels = () => invalid({ group: '', kind: 'Namespace' }, name, errors);
    const warnExempt = (): void => {
      const warning = exemptionWarning(name, labels, policy, defaults);
      if (warning !== undefined) attributes.warn(warning);
    };
    if (attributes.operation === 'CREATE') {
      if (errors.length > 0) throw invalidLabels();
      if (exemptions.namespaces.has(name)) warnExempt();
      return;
    }
    const before = policyOf(attributes.old?.metadata?.labels ?? {}, defaults);
    const textsOf = (list: typeof errors): string => list.map((each) => each.text()).join('\n');
    if (errors.length > 0 && textsOf(errors) !== textsOf(before.errors)) throw invalidLabels();
    if (!isStricter(policy.enforce, before.policy.enforce)) return;
    if (exemptions.namespaces.has(name)) {
      warnExempt();
      return;
    }
    const { reader, environment } = this.#services;
    const pods = prioritised(reader.list(PODS, name) as Iterable<Pod>, exemptions.runtimeClasses);
    const warnings = await existingPodWarnings(environment, name, policy.enforce, pods);
    for (const warning of warnings) attributes.warn(warning);
  }

  async validatePod(attributes: Attributes): Promise<void> {
    if (IGNORED_SUBRESOURCES.has(attributes.subresource)) return;
    if (this.#isExempt(attributes)) return;
    const namespace = await this.#namespaceOf(attributes);
    if (typeof namespace === 'string') {
      const error = internalError(
        `failed to lookup namespace ${JSON.stringify(attributes.namespace)}`,
      );
      note(attributes, 'error', `${error.message}: ${namespace}`);
      throw error;
    }
    const asked = this.#asked(namespace);
    if (asked.error === undefined && isFullyPrivileged(asked.policy)) {
      this.#metrics.evaluation('allow', asked.policy.enforce, 'enforce', attributes);
      note(attributes, 'enforce-policy', 'privileged:latest');
      return;
    }
    const pod = attributes.object as Pod;
    const old = attributes.old as Pod | undefined;
    if (pod.spec === undefined) return;
    if (old?.spec !== undefined && !isSignificant(pod.spec, old.spec)) return;
    this.#evaluate(attributes, asked, checkedPod(pod), true);
  }

  async validateTemplate(attributes: Attributes): Promise<void> {
    if (attributes.subresource !== '') return;
    if (this.#isExempt(attributes)) return;
    const namespace = await this.#namespaceOf(attributes);
    if (typeof namespace === 'string') {
      const name = JSON.stringify(attributes.namespace);
      note(attributes, 'error', `failed to lookup namespace ${name}: ${namespace}`);
      return;
    }
    const asked = this.#asked(namespace);
    const { audit, warn } = asked.policy;
    const isOpen = audit.level === 'privileged' && warn.level === 'privileged';
    if (asked.error === undefined && isOpen) return;
    const pod = templateOf(attributes);
    if (pod !== undefined) this.#evaluate(attributes, asked, pod, false);
  }

  #isExempt(attributes: Attributes): boolean {
    const { namespaces, usernames } = this.#options.exemptions;
    if (namespaces.has(attributes.namespace)) return this.#exempt(attributes, 'namespace');
    return usernames.has(attributes.user.name) && this.#exempt(attributes, 'user');
  }

  #exempt(attributes: Attributes, why: string): true {
    this.#metrics.exemption(attributes);
    note(attributes, 'exempt', why);
    return true;
  }

  /** The namespace, or the message of its absence. */
  async #namespaceOf(attributes: Attributes): Promise<Namespace | string> {
    try {
      return await ownNamespace(this.#services.reader, attributes);
    } catch (error) {
      this.#metrics.error(true, attributes);
      return messageOf(error);
    }
  }

  #asked({ metadata }: Namespace): Asked {
    const { policy, errors } = policyOf(metadata?.labels ?? {}, this.#options.defaults);
    if (errors.length === 0) return { policy };
    return { policy, error: joined(errors.map((each) => each.text())) };
  }

  #evaluate(attributes: Attributes, asked: Asked, pod: CheckedPod, enforces: boolean): void {
    const { policy, error } = asked;
    if (this.#options.exemptions.runtimeClasses.has(pod.spec.runtimeClassName ?? '')) {
      this.#exempt(attributes, 'runtimeClass');
      return;
    }
    if (error !== undefined) {
      this.#metrics.error(false, attributes);
      note(attributes, 'error', `Failed to parse policy: ${error}`);
    }
    const findings = findingsByMode(policy, pod);
    const violation = (mode: keyof Policy): string =>
      `violate${mode === 'enforce' ? 's' : ''} PodSecurity ${JSON.stringify(levelVersionText(policy[mode]))}: ${detailsText(findings[mode])}`;
    const isRefused = enforces && findings.enforce.length > 0;
    if (enforces) {
      note(attributes, 'enforce-policy', levelVersionText(policy.enforce));
      this.#metrics.evaluation(isRefused ? 'deny' : 'allow', policy.enforce, 'enforce', attributes);
    }
    if (findings.audit.length > 0) {
      note(attributes, 'audit-violations', `would ${violation('audit')}`);
      this.#metrics.evaluation('deny', policy.audit, 'audit', attributes);
    }
    if (isRefused) {
      const { kind, name } = attributes;
      throw forbidden({ group: kind.group, resource: kind.plural }, name, violation('enforce'));
    }
    if (findings.warn.length === 0) return;
    attributes.warn(`would ${violation('warn')}`);
    this.#metrics.evaluation('deny', policy.warn, 'warn', attributes);
  }
}

/** What each mode finds; a level that two of them have is looked at once. */
function findingsByMode(policy: Policy, pod: CheckedPod): Record<keyof Policy, Finding[]> {
  const known = new Map<string, Finding[]>();
  const of = (held: LevelVersion): Finding[] => {
    const text = levelVersionText(held);
    const findings = known.get(text) ?? findingsOf(held, pod);
    known.set(text, findings);
    return findings;
  };
  return { enforce: of(policy.enforce), audit: of(policy.audit), warn: of(policy.warn) };
}

/** Whether pods that were let in before may be against it. */
function isStricter(next: LevelVersion, before: LevelVersion): boolean {
  if (next.level === 'privileged' || sameLevelVersion(next, before)) return false;
  return next.version !== before.version || compareLevels(next.level, before.level) > 0;
}

function note(attributes: Attributes, key: string, value: string): void {
  attributes.annotate(PREFIX + key, value);
}
