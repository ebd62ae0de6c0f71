/**
 * The flags of authorization, with upstream's names.
 *
 * Different from upstream, where everything is allowed unless a mode is given.
 */
import { duration, list, text } from '../flags.ts';

export const AUTHORIZATION_FLAGS = {
  'authorization-mode': list(
    'Node,RBAC',
    'who decides, in order: ABAC, AlwaysAllow, AlwaysDeny, Node, RBAC, Webhook',
  ),
  'authorization-config': text('', 'the file of an AuthorizationConfiguration, in place of modes'),
  'authorization-policy-file': text('', 'policies for ABAC, one a line'),
  'authorization-webhook-config-file': text('', 'a kubeconfig of the server that Webhook asks'),
  'authorization-webhook-version': text('v1beta1', 'of the SubjectAccessReviews: v1 or v1beta1'),
  'authorization-webhook-cache-authorized-ttl': duration(
    '5m0s',
    'how long it is remembered that something is allowed',
  ),
  'authorization-webhook-cache-unauthorized-ttl': duration(
    '30s',
    'how long it is remembered that something is not allowed',
  ),
};

export type AuthorizationFlag = keyof typeof AUTHORIZATION_FLAGS;
