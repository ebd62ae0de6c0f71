/**
 * The CEL environments of Kubernetes: which libraries expressions may use in which version.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/environment/base.go and
 * pkg/apis/cel/config.go.
 */
import type { CheckedTree } from './check/checker.ts';
import type { FunctionTable, TypeProvider } from './check/declarations.ts';
import { DYN, isSameType, opaqueType, type Type } from './check/type.ts';
import type { Bounds } from './cost/bounds.ts';
import { estimateCost } from './cost/estimate.ts';
import { kubernetesEstimate } from './cost/estimate-kubernetes.ts';
import type { SizeEstimator } from './cost/node.ts';
import { Environment, type EnvironmentOptions } from './environment.ts';
import { PlanError } from './eval/planning.ts';
import type { Program } from './eval/program.ts';
import { AUTHORIZER_LIBRARY, AUTHORIZER_SELECTORS_LIBRARY } from './library/authorizer.ts';
import { FORMAT_LIBRARY } from './library/format.ts';
import { CIDR_LIBRARY, CIDR_TYPE, IP_LIBRARY, IP_TYPE } from './library/ip.ts';
import { JSON_PATCH_LIBRARY } from './library/mutation.ts';
import { LISTS_LIBRARY } from './library/lists.ts';
import { LISTS_EXTENSION } from './library/lists-extension.ts';
import { OPTIONAL_LIBRARY } from './library/optional.ts';
import { QUANTITY_LIBRARY } from './library/quantity.ts';
import { REGEX_LIBRARY } from './library/regex.ts';
import { SEMVER_LIBRARY } from './library/semver.ts';
import { SETS_LIBRARY } from './library/sets.ts';
import { standardLibrary } from './library/standard.ts';
import { stringsLibrary } from './library/strings.ts';
import { TWO_VARIABLE_LIBRARY } from './library/two-variables.ts';
import { URL_LIBRARY } from './library/url.ts';
import {
  BIND_MACRO,
  type Macro,
  OPTIONAL_MACROS,
  SORT_BY_MACRO,
  STANDARD_MACROS,
  TWO_VARIABLE_MACROS,
} from './syntax/macros.ts';
import { FORMAT_VALIDATOR, homogeneous, LITERAL_VALIDATORS } from './validators.ts';

/** What one evaluation may cost. */
export const PER_CALL_COST_LIMIT = 1_000_000;
/** What all evaluations of one request may cost together. */
export const RUNTIME_COST_BUDGET = 10_000_000;
/** What all match conditions of one request may cost together. */
export const MATCH_CONDITIONS_COST_BUDGET = 2_500_000;

/**
 * What new expressions may use: the version before this one, to which a cluster may be rolled back.
 */
export const NEW_EXPRESSIONS_MINOR = 35;
/** The newest version: what is stored may use everything. */
const NEWEST_MINOR = 36;

interface Feature {
  /** The minor version of Kubernetes 1 that brought it. */
  readonly since: number;
  /** The minor version that took it away again. */
  readonly until?: number;
  readonly functions?: FunctionTable;
  readonly macros?: readonly Macro[];
  readonly types?: readonly (readonly [name: string, type: Type])[];
}

const FEATURES: readonly Feature[] = [
  { since: 0, until: 28, functions: standardLibrary({ isCrossType: false }) },
  { since: 28, functions: standardLibrary({ isCrossType: true }) },
  { since: 0, macros: STANDARD_MACROS },
  { since: 0, functions: URL_LIBRARY },
  { since: 0, functions: REGEX_LIBRARY },
  { since: 0, functions: LISTS_LIBRARY },
  { since: 27, functions: AUTHORIZER_LIBRARY },
  {
    since: 28,
    functions: OPTIONAL_LIBRARY,
    macros: OPTIONAL_MACROS,
    types: [['optional_type', opaqueType('optional_type', DYN)]],
  },
  { since: 28, functions: QUANTITY_LIBRARY },
  { since: 0, until: 29, functions: stringsLibrary(0) },
  { since: 29, functions: stringsLibrary(2) },
  { since: 29, functions: SETS_LIBRARY },
  { since: 30, functions: IP_LIBRARY, types: [['net.IP', IP_TYPE]] },
  { since: 30, functions: CIDR_LIBRARY, types: [['net.CIDR', CIDR_TYPE]] },
  { since: 31, functions: FORMAT_LIBRARY },
  { since: 31, functions: AUTHORIZER_SELECTORS_LIBRARY },
  { since: 32, functions: TWO_VARIABLE_LIBRARY, macros: TWO_VARIABLE_MACROS },
  { since: 33, functions: SEMVER_LIBRARY },
  { since: 34, functions: LISTS_EXTENSION, macros: [SORT_BY_MACRO] },
];

const VALIDATORS_SINCE = 29;
const OPTIONALS_SINCE = 28;

function baseOptions(minor: number): EnvironmentOptions {
  const features = FEATURES.filter(
    ({ since, until = Infinity }) => since <= minor && minor < until,
  );
  return {
    libraries: features.flatMap(({ functions }) => (functions === undefined ? [] : [functions])),
    macros: features.flatMap(({ macros = [] }) => macros),
    types: features.flatMap(({ types = [] }) => types),
    hasOptionalSyntax: minor >= OPTIONALS_SINCE,
    validators:
      minor >= VALIDATORS_SINCE
        ? [homogeneous(['format']), ...LITERAL_VALIDATORS, FORMAT_VALIDATOR]
        : [homogeneous([])],
    isOptimized: true,
    costLimit: PER_CALL_COST_LIMIT,
  };
}

/** An expression that compiled: what it costs is known, and it can be run. */
export interface CelProgram {
  readonly type: Type;
  /** Runs the expression. */
  readonly program: Program;
  /** The names of variables that it reads. */
  readonly variableNames: readonly string[];
  /** What a run can cost, by what the sizes say of its variables. */
  readonly estimate: (sizeOf: SizeEstimator) => Bounds;
}

/** Why an expression did not compile, in upstream's words behind `compilation failed: `. */
export interface CelFailure {
  readonly kind: 'compilation' | 'type' | 'instantiation';
  readonly message: string;
}

export interface CompileOptions {
  /** Of which types the result may be; any when it is absent. */
  readonly expectedTypes?: readonly Type[];
}

/** Compiles expressions for one purpose. */
export class CelEnvironment {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The same with more variables, and with other types of objects. */
  extend(added: {
    readonly variables?: Readonly<Record<string, Type>>;
    readonly provider?: TypeProvider;
  }): CelEnvironment {
    return new CelEnvironment(this.#environment.extend(added));
  }

  compile(source: string, { expectedTypes }: CompileOptions = {}): CelProgram | CelFailure {
    const compiled = this.#environment.compile(source);
    if ('issues' in compiled) return { kind: 'compilation', message: compiled.message };
    const { checked, type } = compiled;
    if (expectedTypes !== undefined && !expectedTypes.some((each) => isSameType(each, type))) {
      return { kind: 'type', message: mustEvaluateTo(expectedTypes) };
    }
    return this.#instantiate(checked, type);
  }

  #instantiate(checked: CheckedTree, type: Type): CelProgram | CelFailure {
    try {
      const program = this.#environment.program(checked);
      const { variableNames } = program;
      const estimate = (sizeOf: SizeEstimator): Bounds =>
        estimateCost(checked, { sizeOf, callOf: kubernetesEstimate });
      return { type, program, variableNames, estimate };
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      return { kind: 'instantiation', message: error.message };
    }
  }
}

/** As admission policies tell it: `must evaluate to bool`. */
function mustEvaluateTo(types: readonly Type[]): string {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return `must evaluate to ${only.name}`;
  return `must evaluate to one of ${types.map(({ name }) => name).join(', ')}`;
}

export interface CelEnvironmentOptions {
  /**
   * The minor version of Kubernetes 1 whose features expressions may use: new expressions may use
   * those of the oldest version that a cluster may be rolled back to, stored ones all of them.
   */
  readonly minor?: number;
  readonly variables?: Readonly<Record<string, Type>>;
  /** The types of objects that variables are of. */
  readonly provider?: TypeProvider;
  /** `cel.bind`, which only the device selectors of resource claims have. */
  readonly hasBindings?: boolean;
  /** `jsonpatch.escapeKey`, which only mutating admission policies have. */
  readonly hasJsonPatch?: boolean;
}

/** What an environment of Kubernetes is made of. */
export function kubernetesOptions(options: CelEnvironmentOptions = {}): EnvironmentOptions {
  const { minor = NEWEST_MINOR, variables = {}, provider } = options;
  const base = baseOptions(minor);
  const macros = options.hasBindings === true ? [...base.macros, BIND_MACRO] : base.macros;
  const libraries =
    options.hasJsonPatch === true ? [...base.libraries, JSON_PATCH_LIBRARY] : base.libraries;
  const whole = { ...base, macros, libraries, variables };
  return provider === undefined ? whole : { ...whole, provider };
}

/** An environment of Kubernetes. */
export const celEnvironment = (options: CelEnvironmentOptions = {}): CelEnvironment =>
  new CelEnvironment(new Environment(kubernetesOptions(options)));
