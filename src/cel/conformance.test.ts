/**
 * The conformance suite of the CEL specification, of which every section is run that Kubernetes
 * enables; what needs protocol buffer messages is named with the reason.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Type as ProtoType } from '@bufbuild/cel-spec/cel/expr/checked_pb.js';
import type { SimpleTest } from '@bufbuild/cel-spec/cel/expr/conformance/test/simple_pb.js';
import type { Value as ProtoValue } from '@bufbuild/cel-spec/cel/expr/value_pb.js';
import { getConformanceSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { getTestRegistry } from '@bufbuild/cel-spec/testdata/registry.js';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  mapType,
  NULL_TYPE,
  opaqueType,
  optionalOf,
  paramType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
  typeType,
  UINT,
  isSameType,
  formatType,
} from './check/type.ts';
import type { FunctionTable, Overload } from './check/declarations.ts';
import { Environment } from './environment.ts';
import { PlanError } from './eval/planning.ts';
import { LISTS_EXTENSION } from './library/lists-extension.ts';
import { MATH_LIBRARY, MATH_MACROS } from './library/math.ts';
import { OPTIONAL_LIBRARY } from './library/optional.ts';
import { SETS_LIBRARY } from './library/sets.ts';
import { standardLibrary } from './library/standard.ts';
import { stringsLibrary } from './library/strings.ts';
import { TWO_VARIABLE_LIBRARY } from './library/two-variables.ts';
import {
  BIND_MACRO,
  OPTIONAL_MACROS,
  SORT_BY_MACRO,
  STANDARD_MACROS,
  TWO_VARIABLE_MACROS,
} from './syntax/macros.ts';
import { compareNumbers, equal } from './value/equal.ts';
import {
  ArrayList,
  CelError,
  Duration,
  ListValue,
  mapOf,
  MapValue,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './value/value.ts';

/** Sections that are not run, and why. */
const OTHER_SECTIONS: Readonly<Record<string, string>> = {
  block_ext: 'cel.@block is made by an optimizer that the API server does not run',
  encoders_ext: 'the base64 extension, which Kubernetes does not enable',
  dynamic: 'needs messages and wrapper types of protocol buffers',
  enums: 'needs enumerations of protocol buffers',
  proto2: 'needs messages of protocol buffers',
  proto2_ext: 'needs extensions of protocol buffers',
  proto3: 'needs messages of protocol buffers',
  unknowns: 'has no tests',
  wrappers: 'needs wrapper types of protocol buffers',
};

/** A test that names a message of protocol buffers, in a section that is otherwise run. */
const MESSAGE = /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)|cel\.expr/;

/** A type's text without the names that every message of its description carries. */
const plainJson = (value: unknown): string =>
  JSON.stringify(value, (key, each) => {
    if (key === '$typeName') return undefined;
    return typeof each === 'bigint' ? String(each) : each;
  });

const needsProto = (test: SimpleTest): boolean =>
  MESSAGE.test(test.expr) ||
  /"messageType"|"wrapper"/.test(plainJson(test.typeEnv)) ||
  MESSAGE.test(plainJson(test.resultMatcher));

/** Tests that are known to fail, and why. */
const BEYOND_THE_END =
  'cel-go 0.26, which is in Kubernetes v1.36, answers -1 beyond the end of a string';
const EXPECTED_FAILURES: Readonly<Record<string, string>> = {
  'string_ext/value_errors/indexof_out_of_range': BEYOND_THE_END,
  'string_ext/value_errors/lastindexof_out_of_range': BEYOND_THE_END,
};

const ENVIRONMENT = {
  libraries: [
    standardLibrary({ isCrossType: true }),
    OPTIONAL_LIBRARY,
    TWO_VARIABLE_LIBRARY,
    stringsLibrary(4),
    MATH_LIBRARY,
    SETS_LIBRARY,
    LISTS_EXTENSION,
  ],
  macros: [
    ...STANDARD_MACROS,
    ...OPTIONAL_MACROS,
    ...TWO_VARIABLE_MACROS,
    BIND_MACRO,
    SORT_BY_MACRO,
    ...MATH_MACROS,
  ],
  types: [['optional_type', opaqueType('optional_type', DYN)] as const],
  hasOptionalSyntax: true,
  hasEscapedNames: true,
  isPresenceStrict: true,
};

const PRIMITIVES: readonly Type[] = [DYN, BOOL, INT, UINT, DOUBLE, STRING, BYTES];

function typeOf(proto: ProtoType | undefined): Type {
  const kind = proto?.typeKind;
  switch (kind?.case) {
    case 'primitive':
      return PRIMITIVES[kind.value] ?? DYN;
    case 'null':
      return NULL_TYPE;
    case 'wellKnown':
      return [DYN, DYN, TIMESTAMP, DURATION][kind.value] ?? DYN;
    case 'listType':
      return listType(typeOf(kind.value.elemType));
    case 'mapType':
      return mapType(typeOf(kind.value.keyType), typeOf(kind.value.valueType));
    case 'messageType':
      return structType(kind.value);
    case 'type':
      return typeType(typeOf(kind.value));
    case 'typeParam':
      return paramType(kind.value);
    case 'abstractType':
      return opaqueType(kind.value.name, ...kind.value.parameterTypes.map(typeOf));
    default:
      return DYN;
  }
}

const SECOND = 1_000_000_000n;

function valueOf(proto: ProtoValue | undefined): Value {
  const kind = proto?.kind;
  switch (kind?.case) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'int64Value':
    case 'doubleValue':
    case 'stringValue':
      return kind.value;
    case 'uint64Value':
      return new Uint(kind.value);
    case 'bytesValue':
      return kind.value;
    case 'listValue':
      return new ArrayList(kind.value.values.map(valueOf));
    case 'mapValue':
      return mapOf(
        kind.value.entries.map(({ key, value }) => [valueOf(key), valueOf(value)] as const),
      );
    case 'typeValue':
      return new TypeValue(kind.value);
    case 'objectValue': {
      const message = anyUnpack(kind.value, getTestRegistry()) as unknown as {
        $typeName: string;
        seconds: bigint;
        nanos: number;
      };
      const nanos = message.seconds * SECOND + BigInt(message.nanos);
      return message.$typeName.endsWith('Timestamp') ? new Timestamp(nanos) : new Duration(nanos);
    }
    default:
      throw new Error(`a value of kind ${kind?.case}`);
  }
}

/** NaN equals itself here, and numbers of different types do not. */
function isSame(a: Value, b: Value): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return Number.isNaN(a) ? Number.isNaN(b) : a === b;
  if (typeof a !== typeof b) return false;
  if (a instanceof Uint) return b instanceof Uint && compareNumbers(a, b) === 0;
  if (a instanceof ListValue) {
    if (!(b instanceof ListValue) || a.size !== b.size) return false;
    return Array.from({ length: a.size }, (_, index) => isSame(a.at(index), b.at(index))).every(
      Boolean,
    );
  }
  if (a instanceof MapValue) {
    if (!(b instanceof MapValue) || a.size !== b.size) return false;
    return [...a.keys()].every((key) => isSame(a.find(key) ?? null, b.find(key) ?? null));
  }
  return equal(a, b) === true;
}

function variablesOf(test: SimpleTest): Record<string, Value> {
  const values = Object.entries(test.bindings).map(([name, binding]) => {
    if (binding.kind.case !== 'value') throw new Error(`a binding of kind ${binding.kind.case}`);
    return [name, valueOf(binding.kind.value)];
  });
  return Object.fromEntries(values);
}

/** Functions that a test declares: it checks their types only. */
function functionsOf(test: SimpleTest): FunctionTable {
  const table: Record<string, Overload[]> = {};
  for (const { name, declKind } of test.typeEnv) {
    if (declKind.case !== 'function') continue;
    table[name] = declKind.value.overloads.map((each) => ({
      id: each.overloadId,
      args: each.params.map(typeOf),
      result: typeOf(each.resultType),
      isMember: each.isInstanceFunction,
      call: () => new CelError('declared only'),
    }));
  }
  return table;
}

function environmentOf(test: SimpleTest): Environment {
  const functions = functionsOf(test);
  const declared = test.typeEnv.map((each) => {
    const { declKind } = each;
    return [each.name, declKind.case === 'ident' ? typeOf(declKind.value.type) : DYN] as const;
  });
  const { disableMacros, container } = test;
  const variables = Object.fromEntries(declared.filter(([name]) => functions[name] === undefined));
  const macros = disableMacros ? [] : ENVIRONMENT.macros;
  const libraries = [...ENVIRONMENT.libraries, functions];
  return new Environment({ ...ENVIRONMENT, libraries, macros, container, variables });
}

interface Outcome {
  readonly value: Value;
  readonly type: Type | undefined;
}

function outcomeOf(test: SimpleTest): Outcome {
  const environment = environmentOf(test);
  if (test.disableCheck) {
    try {
      const program = environment.uncheckedProgram(environment.parse(test.expr));
      return { value: program.evaluate(variablesOf(test)).value, type: undefined };
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      return { value: new CelError(error.message), type: undefined };
    }
  }
  const compiled = environment.compile(test.expr);
  if ('issues' in compiled) return { value: new CelError(compiled.message), type: undefined };
  if (test.checkOnly) return { value: null, type: compiled.type };
  const { value } = environment.program(compiled.checked).evaluate(variablesOf(test));
  return { value, type: compiled.type };
}

/** Type parameters are only names. */
function withoutNames(type: Type): Type {
  if (type.kind === 'param') return DYN;
  return { ...type, parameters: type.parameters.map(withoutNames) };
}

function shown(value: Value): string {
  return value instanceof CelError
    ? `error: ${value.message}`
    : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}` : each));
}

/** Why a test fails; undefined when it passes. */
function failureOf(test: SimpleTest): string | undefined {
  const { value, type } = outcomeOf(test);
  const { resultMatcher } = test;
  const deduced =
    resultMatcher.case === 'typedResult' ? resultMatcher.value.deducedType : undefined;
  if (deduced !== undefined) {
    if (type === undefined) return shown(value);
    const expected = typeOf(deduced);
    if (!isSameType(withoutNames(type), withoutNames(expected))) {
      return `type ${formatType(type)}, expected ${formatType(expected)}`;
    }
  }
  if (test.checkOnly) return undefined;
  if (resultMatcher.case === 'evalError' || resultMatcher.case === 'anyEvalErrors') {
    return value instanceof CelError ? undefined : `${shown(value)}, expected an error`;
  }
  const expected =
    resultMatcher.case === 'value'
      ? valueOf(resultMatcher.value)
      : resultMatcher.case === 'typedResult' && resultMatcher.value.result
        ? valueOf(resultMatcher.value.result)
        : true;
  return isSame(value, expected) ? undefined : `${shown(value)}, expected ${shown(expected)}`;
}

describe('the conformance suite of CEL', () => {
  assert.ok(optionalOf(DYN) === undefined);
  for (const section of getConformanceSuite().suites) {
    if (OTHER_SECTIONS[section.name] !== undefined) continue;
    it(section.name, () => {
      const failures: string[] = [];
      let count = 0;
      for (const group of section.suites) {
        for (const test of group.tests) {
          const name = `${section.name}/${group.name}/${test.name}`;
          if (needsProto(test.original)) continue;
          count += 1;
          let failure: string | undefined;
          try {
            failure = failureOf(test.original);
          } catch (error) {
            failure = `threw ${error instanceof Error ? error.stack : String(error)}`;
          }
          if ((failure === undefined) === (EXPECTED_FAILURES[name] === undefined)) continue;
          failures.push(`${name}: ${test.original.expr}: ${failure ?? 'passes now'}`);
        }
      }
      assert.deepEqual(failures, []);
      assert.ok(count > 0);
    });
  }
});
