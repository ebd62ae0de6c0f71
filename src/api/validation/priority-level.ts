/** PriorityLevelConfiguration. Upstream: pkg/apis/flowcontrol/validation/validation.go. */
import type {
  LimitResponse,
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '#api/gen/flowcontrol-v1.ts';
import {
  type FieldError,
  fieldPath,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { validateConditionTypes } from './flow-schema.ts';

const QUEUES_MAX = 10_000_000;
/** The bits of the hash that deals a flow its queues. */
const ENTROPY_BITS_MAX = 60;
const ROUND_TRIP = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';

export function validatePriorityLevel(level: PriorityLevelConfiguration): FieldError[] {
  return [
    ...(level.metadata?.annotations?.[ROUND_TRIP] === undefined
      ? []
      : [
          forbiddenField(
            fieldPath('metadata').child('annotations'),
            `annotation '${ROUND_TRIP}' is forbidden`,
          ),
        ]),
    ...validateSpec(level, fieldPath('spec')),
    ...validateConditionTypes(level.status?.conditions, fieldPath('status').child('conditions')),
  ];
}

function validateSpec({ metadata, spec }: PriorityLevelConfiguration, at: FieldPath): FieldError[] {
  const { type = '', limited, exempt } = spec ?? {};
  const errors: FieldError[] = [];
  if ((metadata?.name === 'exempt') !== (type === 'Exempt')) {
    const detail = "must be 'Exempt' if and only if `name` is 'exempt'";
    errors.push(invalidValue(at.child('type'), type, detail));
  }
  if (type === 'Exempt') {
    if (limited !== undefined) {
      errors.push(forbiddenField(at.child('limited'), 'must be nil if the type is not Limited'));
    }
    if (exempt !== undefined) errors.push(...validateShares(exempt, at.child('exempt')));
  } else if (type === 'Limited') {
    if (exempt !== undefined)
      errors.push(forbiddenField(at.child('exempt'), 'must be nil if the type is Limited'));
    if (limited === undefined)
      errors.push(required(at.child('limited'), 'must not be empty when type is Limited'));
    else errors.push(...validateLimited(limited, at.child('limited')));
  } else errors.push(unknownType(at.child('type'), type, ['Exempt', 'Limited']));
  return errors;
}

function unknownType(at: FieldPath, type: string, known: readonly string[]): FieldError {
  return type === '' ? required(at, '') : notSupported(at, type, known);
}

type Shares = Pick<
  LimitedPriorityLevelConfiguration,
  'nominalConcurrencyShares' | 'lendablePercent'
>;

function validateShares(shares: Shares, at: FieldPath): FieldError[] {
  return [...validateNominal(shares, at), ...validateLendable(shares, at)];
}

function validateNominal({ nominalConcurrencyShares: shares = 0 }: Shares, at: FieldPath) {
  if (shares >= 0) return [];
  const here = at.child('nominalConcurrencyShares');
  return [invalidValue(here, shares, 'must be a non-negative integer')];
}

function validateLendable({ lendablePercent: percent = 0 }: Shares, at: FieldPath): FieldError[] {
  if (percent >= 0 && percent <= 100) return [];
  return [
    invalidValue(at.child('lendablePercent'), percent, 'must be between 0 and 100, inclusive'),
  ];
}

function validateLimited(
  limited: Partial<LimitedPriorityLevelConfiguration>,
  at: FieldPath,
): FieldError[] {
  const { limitResponse = { type: '' }, borrowingLimitPercent: borrowing = 0 } = limited;
  const here = at.child('limitResponse');
  const response: Partial<LimitResponse> = limitResponse;
  const { type = '', queuing } = response;
  const errors = validateNominal(limited, at);
  if (type === 'Reject') {
    if (queuing !== undefined) {
      const detail = 'must be nil if limited.limitResponse.type is not Limited';
      errors.push(forbiddenField(here.child('queuing'), detail));
    }
  } else if (type === 'Queue') {
    if (queuing === undefined) {
      const detail = 'must not be empty if limited.limitResponse.type is Limited';
      errors.push(required(here.child('queuing'), detail));
    } else errors.push(...validateQueuing(queuing, here.child('queuing')));
  } else errors.push(unknownType(here.child('type'), type, ['Queue', 'Reject']));
  errors.push(...validateLendable(limited, at));
  if (borrowing < 0) {
    const detail = 'if specified, must be a non-negative integer';
    errors.push(invalidValue(at.child('borrowingLimitPercent'), borrowing, detail));
  }
  return errors;
}

function validateQueuing(queuing: Partial<QueuingConfiguration>, at: FieldPath): FieldError[] {
  const { queueLengthLimit = 0, queues = 0, handSize = 0 } = queuing;
  const errors: FieldError[] = [];
  const wrong = (field: string, value: number, detail: string): void => {
    errors.push(invalidValue(at.child(field), value, detail));
  };
  if (queueLengthLimit <= 0) wrong('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (queues <= 0) wrong('queues', queues, 'must be positive');
  else if (queues > QUEUES_MAX) wrong('queues', queues, `must not be greater than ${QUEUES_MAX}`);
  const bits = entropyBits(queues, handSize);
  if (handSize <= 0) wrong('handSize', handSize, 'must be positive');
  else if (handSize > queues)
    wrong('handSize', handSize, `should not be greater than queues (${queues})`);
  else if (bits > ENTROPY_BITS_MAX) {
    wrong(
      'handSize',
      handSize,
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${ENTROPY_BITS_MAX}`,
    );
  }
  return errors;
}

/** How many bits of a hash it takes to deal a hand without repeats from a deck. */
function entropyBits(deckSize: number, handSize: number): number {
  let bits = 0;
  // More cards than this are beyond the limit in any deck.
  for (let i = 0; i < Math.min(handSize, ENTROPY_BITS_MAX + 1); i++)
    bits += Math.log2(deckSize - i);
  return Math.ceil(bits);
}
