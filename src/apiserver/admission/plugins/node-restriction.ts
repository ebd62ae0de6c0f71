/**
 * NodeRestriction: a kubelet changes its own node and the pods bound to it, and nothing else.
 *
 * The Node authorizer decides by names; what needs the object itself is decided here.
 * Source: upstream plugin/pkg/admission/noderestriction; Kubernetes documentation, "Admission
 * Control", NodeRestriction.
 */
import type { Eventual } from '#base/eventual.ts';
import { nodeNameOf } from '../../authn/node-identity.ts';
import type { AdmissionPlugin } from '../admission.ts';
import type { NodeCall } from '../node-restriction/call.ts';
import {
  admitClaim,
  admitCsiNode,
  admitLease,
  admitNode,
  admitResourceSlice,
  admitSigningRequest,
} from '../node-restriction/own-objects.ts';
import { admitPodCertificateRequest } from '../node-restriction/pod-certificates.ts';
import { admitPodCall } from '../node-restriction/pods.ts';
import { admitToken } from '../node-restriction/tokens.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import {
  CSI_NODES,
  isFor,
  LEASES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  POD_CERTIFICATE_REQUESTS,
  PODS,
  RESOURCE_SLICES,
  SERVICE_ACCOUNTS,
  SIGNING_REQUESTS,
  type Target,
} from '../targets.ts';

/** What a node may do, by the resource that it is about. */
const RULES: readonly [Target, (call: NodeCall) => Eventual<void>][] = [
  [PODS, admitPodCall],
  [NODES, admitNode],
  [PERSISTENT_VOLUME_CLAIMS, admitClaim],
  [SERVICE_ACCOUNTS, admitToken],
  [LEASES, admitLease],
  [CSI_NODES, admitCsiNode],
  [RESOURCE_SLICES, admitResourceSlice],
  [SIGNING_REQUESTS, admitSigningRequest],
  [POD_CERTIFICATE_REQUESTS, admitPodCertificateRequest],
];

export function nodeRestriction(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    admit(attributes) {
      const node = nodeNameOf(attributes.user);
      if (node === undefined || attributes.operation === 'CONNECT') return undefined;
      if (node === '') {
        throw refusal(
          attributes,
          `could not determine node from user ${JSON.stringify(attributes.user.name)}`,
        );
      }
      const [, admit] = RULES.find(([target]) => isFor(attributes, target)) ?? [];
      return admit?.({ node, attributes, services });
    },
  };
}
