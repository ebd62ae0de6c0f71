/** Network policies. Upstream: pkg/apis/networking/validation/validation.go. */
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '#api/gen/networking-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { parseCidr, rangeContains } from '../meta/ip.ts';
import { isPortName } from '../meta/names.ts';
import { optionalOneOf, portNumber } from './common.ts';
import { validateCidr } from './ip.ts';
import { invalidAll, validateLabelSelector } from './metadata.ts';

const SPEC = fieldPath('spec');
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Ingress', 'Egress'];

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, at: FieldPath): FieldError[] {
  const errors = optionalOneOf(protocol, PROTOCOLS, at.child('protocol'));
  const end = at.child('endPort');
  if (typeof port !== 'number') {
    if (endPort !== undefined) {
      const when = port === undefined ? 'is not specified' : 'is non-numeric';
      errors.push(invalidValue(end, endPort, `may not be specified when \`port\` ${when}`));
    }
    if (port !== undefined) errors.push(...invalidAll(at.child('port'), port, isPortName(port)));
    return errors;
  }
  errors.push(...portNumber(port, at.child('port')));
  if (endPort === undefined) return errors;
  if (endPort < port) {
    errors.push(invalidValue(end, port, 'must be greater than or equal to `port`'));
  }
  return [...errors, ...portNumber(endPort, end)];
}

function validateBlock(
  { cidr, except = [] }: IPBlock,
  known: readonly string[],
  at: FieldPath,
): FieldError[] {
  if (!cidr) return [required(at.child('cidr'))];
  const errors = validateCidr(cidr, at.child('cidr'), known);
  const range = parseCidr(cidr);
  if (range === undefined) return errors;
  for (const [i, text] of except.entries()) {
    const here = at.child('except').index(i);
    errors.push(...validateCidr(text, here, known));
    const inner = parseCidr(text);
    if (inner === undefined) continue;
    const base = { family: inner.family, value: inner.first };
    if (!rangeContains(range, base) || range.prefix >= inner.prefix) {
      errors.push(invalidValue(here, text, 'must be a strict subset of `cidr`'));
    }
  }
  return errors;
}

function validatePeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  known: readonly string[],
  at: FieldPath,
): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector, at.child('podSelector')),
    ...validateLabelSelector(namespaceSelector, at.child('namespaceSelector')),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, known, at.child('ipBlock'))),
  ];
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selects && ipBlock === undefined) {
    errors.push(required(at, 'must specify a peer'));
  } else if (selects && ipBlock !== undefined) {
    errors.push(forbiddenField(at, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

interface Rule {
  readonly ports?: readonly NetworkPolicyPort[];
  readonly peers?: readonly NetworkPolicyPeer[] | undefined;
}

/** The rules of both directions, each with its path and the name of its list of peers. */
function rulesOf({ spec }: NetworkPolicy): { rule: Rule; at: FieldPath; peers: string }[] {
  const ingress = (spec?.ingress ?? []).map(({ from, ...rule }, i) => ({
    rule: { ...rule, peers: from },
    at: SPEC.child('ingress').index(i),
    peers: 'from',
  }));
  const egress = (spec?.egress ?? []).map(({ to, ...rule }, i) => ({
    rule: { ...rule, peers: to },
    at: SPEC.child('egress').index(i),
    peers: 'to',
  }));
  return [...ingress, ...egress];
}

/** The ranges that a stored policy names: they may stay, however they are written. */
function rangesOf(policy: NetworkPolicy): string[] {
  return rulesOf(policy)
    .flatMap(({ rule }) => rule.peers ?? [])
    .flatMap(({ ipBlock }) =>
      ipBlock === undefined ? [] : [ipBlock.cidr, ...(ipBlock.except ?? [])],
    );
}

function validateTypes(types: readonly string[]): FieldError[] {
  const at = SPEC.child('policyTypes');
  if (types.length > POLICY_TYPES.length) {
    return [invalidValue(at, types, 'may not specify more than two policyTypes')];
  }
  return types.flatMap((type, i) => optionalOneOf(type, POLICY_TYPES, at.index(i)));
}

function validate(policy: NetworkPolicy, known: readonly string[]): FieldError[] {
  const errors = validateLabelSelector(policy.spec?.podSelector, SPEC.child('podSelector'));
  for (const { rule, at, peers } of rulesOf(policy)) {
    for (const [i, port] of (rule.ports ?? []).entries()) {
      errors.push(...validatePort(port, at.child('ports').index(i)));
    }
    for (const [i, peer] of (rule.peers ?? []).entries()) {
      errors.push(...validatePeer(peer, known, at.child(peers).index(i)));
    }
  }
  return [...errors, ...validateTypes(policy.spec?.policyTypes ?? [])];
}

export const validateNetworkPolicyCreate = (policy: NetworkPolicy): FieldError[] =>
  validate(policy, []);

export const validateNetworkPolicyUpdate = (
  next: NetworkPolicy,
  old: NetworkPolicy,
): FieldError[] => validate(next, rangesOf(old));
