/**
 * A kubelet asks for certificates only of pods that run on its node, under their own service account.
 *
 * What a cache that lags behind may be to blame for is an error without a kind, and not Forbidden: to
 * try again may help. Source: upstream plugin/pkg/admission/noderestriction/admission.go.
 */
import { MIRROR_POD_ANNOTATION } from '#api/core/pod-references.ts';
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
} from '#api/gen/certificates-v1beta1.ts';
import type { Node, Pod, ServiceAccount } from '#api/gen/core-v1.ts';
import { plainError } from '#api/meta/status.ts';
import { refusal } from '../refusal.ts';
import { NODES, PODS, SERVICE_ACCOUNTS, type Target } from '../targets.ts';
import type { NodeCall } from './call.ts';

const quote = (text: string | undefined): string => JSON.stringify(text ?? '');

export function admitPodCertificateRequest(call: NodeCall): void {
  const { node, attributes, services } = call;
  const { operation, subresource } = attributes;
  const refuse = (detail: string): Error => refusal(attributes, detail);
  if (!services.gates.enabled('PodCertificateRequest'))
    throw refuse('PodCertificateRequest feature gate is disabled');
  if (operation !== 'CREATE') throw refuse(`unexpected operation ${operation}`);
  if (subresource !== '') throw refuse(`unexpected subresource ${subresource}`);
  const spec = (attributes.object as PodCertificateRequest).spec ?? ({} as Partial<Spec>);
  if (spec.nodeName !== node)
    throw refuse(
      `PodCertificateRequest.Spec.NodeName=${quote(spec.nodeName)}, which is not the requesting node ${quote(node)}`,
    );
  checkNode(call, spec);
  checkAccount(call, spec, checkedPod(call, spec));
}

type Spec = PodCertificateRequestSpec;

/** What the request names, as the caches have it. `kind`: as they call it. */
function named<T>(
  { services, attributes }: NodeCall,
  target: Target,
  { kind, what, name = '', shown = name }: Named,
): T {
  const namespace = target === NODES ? '' : attributes.namespace;
  const found = services.reader.get(target, namespace, name) as T | undefined;
  if (found !== undefined) return found;
  throw plainError(
    `while retrieving ${what} ${quote(shown)} named in the PodCertificateRequest: ${kind} ${quote(name)} not found`,
  );
}

interface Named {
  readonly kind: string;
  readonly what: string;
  readonly name: string | undefined;
  readonly shown?: string;
}

/** The pod that the request is for, with its namespace. */
const podOf = ({ attributes }: NodeCall, { podName = '' }: Partial<Spec>): string =>
  `${attributes.namespace}/${podName}`;

function checkNode(call: NodeCall, spec: Partial<Spec>): void {
  const which = { kind: 'node', what: 'node', name: spec.nodeName };
  const { metadata } = named<Node>(call, NODES, which);
  if (metadata?.uid === spec.nodeUID) return;
  throw plainError(
    `PodCertificateRequest for pod ${quote(podOf(call, spec))} names node UID ${quote(spec.nodeUID)}, inconsistent with the running node (${quote(metadata?.uid)})`,
  );
}

function checkedPod(call: NodeCall, spec: Partial<Spec>): Pod {
  const shown = podOf(call, spec);
  const pod = named<Pod>(call, PODS, { kind: 'pod', what: 'pod', name: spec.podName, shown });
  if (pod.metadata?.uid !== spec.podUID)
    throw plainError(
      `PodCertificateRequest for pod ${quote(shown)} contains pod UID (${quote(spec.podUID)}) which differs from running pod ${quote(pod.metadata?.uid)}`,
    );
  if (pod.spec?.nodeName !== spec.nodeName)
    throw refusal(
      call.attributes,
      `pod ${quote(shown)} is not running on node ${quote(spec.nodeName)} named in the PodCertificateRequest`,
    );
  if (pod.metadata?.annotations?.[MIRROR_POD_ANNOTATION] !== undefined)
    throw refusal(call.attributes, `pod ${quote(shown)} is a mirror pod`);
  return pod;
}

function checkAccount(call: NodeCall, spec: Partial<Spec>, pod: Pod): void {
  const { attributes } = call;
  const { serviceAccountName: name = '', serviceAccountUID: uid } = spec;
  const start = `PodCertificateRequest for pod ${quote(podOf(call, spec))}`;
  const running = pod.spec?.serviceAccountName ?? '';
  // Of one and the same pod it never changes.
  if (name !== running)
    throw refusal(
      attributes,
      `${start} contains serviceAccountName (${quote(name)}) that differs from running pod (${quote(running)})`,
    );
  const account = named<ServiceAccount>(call, SERVICE_ACCOUNTS, {
    kind: 'serviceaccount',
    what: 'service account',
    name,
    shown: `${attributes.namespace}/${name}`,
  });
  if (account.metadata?.uid === uid) return;
  throw plainError(
    `${start} names service account UID ${quote(uid)}, which differs from the running service account (${quote(account.metadata?.uid)})`,
  );
}
