/**
 * From the FlowSchemas and PriorityLevelConfigurations that there are to those that work.
 *
 * What is mandatory is there whatever the API says; a level that is not wanted any more stays until
 * the last request has left it.
 *
 * Source: upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go (digestConfigObjects).
 */
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.ts';
import type { Environment } from '#base/env.ts';
import { flowSchemas, priorityLevels } from '../bootstrap/flow-control.ts';
import { byPrecedence, type SchemaMatcher, schemaMatcher } from './match.ts';
import { CATCH_ALL, EXEMPT, levelProblem, PriorityLevel } from './priority-level.ts';
import { SchemaCounts } from './schema-counts.ts';

export interface Schema {
  readonly name: string;
  readonly level: PriorityLevel;
  readonly matches: SchemaMatcher;
  readonly distinguisher: string | undefined;
  readonly counts: SchemaCounts;
  /** Of each answer. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Configuration {
  readonly levels: ReadonlyMap<string, PriorityLevel>;
  /** In the order in which requests ask; the last one takes whatever comes. */
  readonly schemas: readonly Schema[];
}

export const EMPTY: Configuration = { levels: new Map(), schemas: [] };

export interface Objects {
  readonly schemas: readonly FlowSchema[];
  readonly levels: readonly PriorityLevelConfiguration[];
}

export interface ConfigurationServices {
  readonly environment: Environment;
  /** Of a schema in a level: the same as before where there was one. */
  readonly countsOf: (level: string, schema: string) => SchemaCounts;
  readonly onIdle: (level: PriorityLevel) => void;
}

export function configured(
  objects: Objects,
  before: Configuration,
  services: ConfigurationServices,
): Configuration {
  const levels = levelsOf(objects.levels, before, services);
  const wanted = objects.schemas
    .filter(({ spec }) => isUsable(levels.get(spec?.priorityLevelConfiguration.name ?? '')))
    .toSorted(byPrecedence);
  const isThere = (name: string): boolean => wanted.some(({ metadata }) => metadata?.name === name);
  const schemas = [
    ...(isThere(EXEMPT) ? [] : [mandatorySchema(EXEMPT)]),
    ...wanted,
    ...(isThere(CATCH_ALL) ? [] : [mandatorySchema(CATCH_ALL)]),
  ];
  return { levels, schemas: schemas.flatMap((schema) => compiled(schema, levels, services)) };
}

function isUsable(level: PriorityLevel | undefined): boolean {
  return level !== undefined && !level.isQuiescing;
}

function levelsOf(
  objects: readonly PriorityLevelConfiguration[],
  before: Configuration,
  { environment, onIdle }: ConfigurationServices,
): Map<string, PriorityLevel> {
  const levels = new Map<string, PriorityLevel>();
  const use = ({ metadata, spec }: PriorityLevelConfiguration): void => {
    const name = metadata?.name ?? '';
    if (spec === undefined) return;
    const level = before.levels.get(name) ?? new PriorityLevel(name, spec, environment, onIdle);
    level.spec = spec;
    level.uid = metadata?.uid ?? '';
    level.isQuiescing = false;
    levels.set(name, level);
  };
  for (const object of objects) if (levelProblem(object) === undefined) use(object);
  for (const name of [EXEMPT, CATCH_ALL]) if (!levels.has(name)) use(mandatoryLevel(name));
  for (const [name, level] of before.levels) {
    if (levels.has(name) || level.queues.isIdle) continue;
    level.isQuiescing = true;
    levels.set(name, level);
  }
  return levels;
}

function compiled(
  schema: FlowSchema,
  levels: ReadonlyMap<string, PriorityLevel>,
  { countsOf }: ConfigurationServices,
): Schema[] {
  const name = schema.metadata?.name ?? '';
  const level = levels.get(schema.spec?.priorityLevelConfiguration.name ?? '');
  if (level === undefined) return [];
  return [
    {
      name,
      level,
      matches: schemaMatcher(schema),
      distinguisher: schema.spec?.distinguisherMethod?.type,
      counts: countsOf(level.name, name),
      headers: {
        'x-kubernetes-pf-flowschema-uid': schema.metadata?.uid ?? '',
        'x-kubernetes-pf-prioritylevel-uid': level.uid,
      },
    },
  ];
}

function mandatoryLevel(name: string): PriorityLevelConfiguration {
  return theOne(
    priorityLevels().map(({ object }) => object),
    name,
  );
}

function mandatorySchema(name: string): FlowSchema {
  return theOne(
    flowSchemas().map(({ object }) => object),
    name,
  );
}

function theOne<T extends { readonly metadata?: { readonly name?: string } }>(
  objects: readonly T[],
  name: string,
): T {
  const found = objects.find(({ metadata }) => metadata?.name === name);
  if (found === undefined) throw new Error(`there is no mandatory object ${name}`);
  return found;
}
