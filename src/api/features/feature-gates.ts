/**
 * Feature gates: which are on, from `--feature-gates`.
 *
 * What a gate turns on or off lies where the feature is; this file knows names, defaults and rules.
 * A gate whose other value is not built is refused by name, never ignored.
 *
 * Source: upstream staging/src/k8s.io/component-base/featuregate/feature_gate.go for syntax, order
 * and messages.
 */
import { GATE_TABLE } from './gate-table.ts';

export type GateStage = 'Alpha' | 'Beta' | 'GA' | 'Deprecated';

export interface Gate {
  readonly name: string;
  readonly default: boolean;
  readonly stage: GateStage;
  /** It cannot have another value than its default. */
  readonly isLocked: boolean;
  /** Gates that must be on when this one is. */
  readonly needs: readonly string[];
}

/** Gates that can be on and off here: both values do what upstream's do. */
const HONOURED = [
  'AllowParsingUserUIDFromCertAuth',
  'APIResponseCompression',
  'CBORServingAndStorage',
  'ClusterTrustBundle',
  'ClusterTrustBundleProjection',
  'ComponentFlagz',
  'ComponentStatusz',
  'ConstrainedImpersonation',
  'DRAResourcePoolStatus',
  'GangScheduling',
  'GenericWorkload',
  'MaxUnavailableStatefulSet',
  'MutatingAdmissionPolicy',
  'OpenAPIEnums',
  'PodCertificateRequest',
  'SizeBasedListCostEstimate',
  'StorageVersionHash',
  'StorageVersionMigrator',
  'UnauthenticatedHTTP2DOSMitigation',
  'WatchList',
] as const;

/** Gates that only this component can have on and off: what they do in others is not built. */
const HONOURED_BY = {
  'kube-controller-manager': ['StorageVersionAPI'],
  kubelet: ['KubeletCrashLoopBackOffMax'],
} as const;

export type GateOwner = keyof typeof HONOURED_BY;
/** What has only its default can be asked for, too: others than those here never. */
export type HonouredGate =
  | (typeof HONOURED)[number]
  | (typeof HONOURED_BY)[GateOwner][number]
  | 'APIServerIdentity'
  | 'KubeletEnsureSecretPulledImages'
  | 'RotateKubeletServerCertificate';

/** Turn on or off all gates of a stage that are not named themselves. */
const WHOLE_STAGES: Readonly<Record<string, GateStage>> = { AllAlpha: 'Alpha', AllBeta: 'Beta' };

/** A gate that is unknown, locked, not built, or lacks another. The message is for the user. */
export class FeatureGateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FeatureGateError';
  }
}

const GATES: ReadonlyMap<string, Gate> = readTable();

function readTable(): Map<string, Gate> {
  const found = new Map<string, Gate>();
  for (const line of GATE_TABLE.trim().split('\n')) {
    const [name = '', value, stage, ...rest] = line.split(' ');
    const needs = rest.indexOf('needs');
    found.set(name, {
      name,
      default: value === 'on',
      stage: stage as GateStage,
      isLocked: rest[0] === 'locked',
      needs: needs < 0 ? [] : rest.slice(needs + 1),
    });
  }
  return found;
}

export function allGates(): readonly Gate[] {
  return [...GATES.values()];
}

/** `A=true,B=false` as upstream reads it. Throws FeatureGateError. */
export function parseFeatureGates(text: string): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (equals < 0) throw new FeatureGateError(`missing bool value for ${name}`);
    const value = part.slice(equals + 1).trim();
    found.set(name, boolOf(name, value));
  }
  return found;
}

function boolOf(name: string, value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  const parse = `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw new FeatureGateError(`invalid value of ${name}=${value}, err: ${parse}`);
}

export class FeatureGates {
  readonly #values: ReadonlyMap<string, boolean>;

  /**
   * `asked`: what the user said, by name. `owner`: the component, if it has gates of its own. Throws
   * FeatureGateError that names all that is wrong.
   */
  constructor(asked: ReadonlyMap<string, boolean> = new Map(), owner?: GateOwner) {
    const honoured: ReadonlySet<string> = new Set([
      ...HONOURED,
      ...(owner === undefined ? [] : HONOURED_BY[owner]),
    ]);
    const values = new Map(allGates().map((gate) => [gate.name, gate.default]));
    const wrong: string[] = [];
    for (const [name, value] of asked) {
      if (name in WHOLE_STAGES) continue;
      const problem = problemOf(name, value, honoured);
      if (problem === undefined) values.set(name, value);
      else wrong.push(problem);
    }
    for (const [name, stage] of Object.entries(WHOLE_STAGES)) {
      const value = asked.get(name);
      if (value !== undefined) wrong.push(...setStage(values, { stage, value, asked, honoured }));
    }
    if (wrong.length === 0) wrong.push(...missingNeeds(values));
    if (wrong.length > 0) throw new FeatureGateError(wrong.join('\n'));
    this.#values = values;
  }

  enabled(name: HonouredGate): boolean {
    return this.#values.get(name) === true;
  }

  /** Every gate and its value, by name. */
  all(): ReadonlyMap<string, boolean> {
    return this.#values;
  }
}

function problemOf(
  name: string,
  value: boolean,
  honoured: ReadonlySet<string>,
): string | undefined {
  const gate = GATES.get(name);
  if (gate === undefined) return `unrecognized feature gate: ${name}`;
  if (gate.default === value) return undefined;
  if (gate.isLocked)
    return `cannot set feature gate ${name} to ${value}, feature is locked to ${gate.default}`;
  return honoured.has(name)
    ? undefined
    : `cannot set feature gate ${name} to ${value}: Coxswain has only its default, ${gate.default}`;
}

interface StageSetting {
  readonly stage: GateStage;
  readonly value: boolean;
  readonly asked: ReadonlyMap<string, boolean>;
  readonly honoured: ReadonlySet<string>;
}

function setStage(
  values: Map<string, boolean>,
  { stage, value, asked, honoured }: StageSetting,
): string[] {
  const wrong: string[] = [];
  for (const gate of GATES.values()) {
    if (gate.stage !== stage || asked.has(gate.name)) continue;
    const problem = problemOf(gate.name, value, honoured);
    if (problem === undefined) values.set(gate.name, value);
    else wrong.push(problem);
  }
  return wrong;
}

function missingNeeds(values: ReadonlyMap<string, boolean>): string[] {
  return allGates().flatMap(({ name, needs }) => {
    const off =
      values.get(name) === true ? needs.filter((other) => values.get(other) !== true) : [];
    return off.length === 0
      ? []
      : [`${name} is enabled, but depends on features that are disabled: [${off.join(' ')}]`];
  });
}
