/**
 * What the definition of a custom resource says of its migration: a condition while it runs, and
 * that nothing lies in the store in other versions when it is over.
 *
 * Two things are safer than upstream's: a migration that has failed leaves `status.storedVersions`
 * alone, and so does the start of a further one, where upstream gives up the field that it has
 * applied before, and with it all versions but the current one.
 *
 * Upstream: markAsActive and finishCRDMigration in
 * pkg/controller/storageversionmigrator/migrationrunner.go, v1.36.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '#api/gen/apiextensions-v1.ts';
import type { StorageVersionMigration } from '#api/gen/storagemigration-v1beta1.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { isTrue } from './plan.ts';

/** Not the kind itself, which brings the rules of schemas with it. */
const CUSTOM_RESOURCE_DEFINITION: ResourceType<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const MANAGER = 'migration-runner-controller';
const MIGRATING = 'StorageMigrating';

type Said = Pick<CustomResourceDefinitionCondition, 'status' | 'reason' | 'message'>;

/** Does nothing for a resource that no definition makes. `nowMs`: since 1970. */
export async function markRunning(
  client: Client,
  migration: StorageVersionMigration,
  nowMs: number,
): Promise<void> {
  const definition = await definitionOf(client, migration);
  if (definition === undefined) return;
  const message = `Migration ${migration.metadata?.name ?? ''} is running`;
  const said = { status: 'True', reason: 'MigrationRunning', message };
  await apply(client, { definition, said, stored: storedVersionsOf(definition), nowMs });
}

/** As `markRunning`, for a migration that has come to its end. */
export async function markEnded(
  client: Client,
  migration: StorageVersionMigration,
  nowMs: number,
): Promise<void> {
  const definition = await definitionOf(client, migration);
  if (definition === undefined) return;
  await apply(client, {
    definition,
    ...planEnd(definition, isTrue(migration, 'Succeeded')),
    nowMs,
  });
}

/** What to say at the end. A definition that changed meanwhile may store another version now. */
function planEnd(
  definition: CustomResourceDefinition,
  hasSucceeded: boolean,
): { readonly said: Said; readonly stored: readonly string[] } {
  const { metadata, spec, status } = definition;
  const stored = storedVersionsOf(definition);
  if (!hasSucceeded) {
    const message = 'The migration has failed';
    return { said: { status: 'False', reason: 'MigrationFailed', message }, stored };
  }
  const begun = status?.conditions?.find(({ type }) => type === MIGRATING);
  const isSame = begun !== undefined && begun.observedGeneration === metadata?.generation;
  const outcome = isSame
    ? 'and the stored versions have been updated'
    : 'but the stored versions have not been updated due to a generation mismatch';
  const message = `The migration has succeeded ${outcome}`;
  const current = (spec?.versions ?? []).filter(({ storage }) => storage).map(({ name }) => name);
  return {
    said: { status: 'False', reason: 'MigrationSucceeded', message },
    stored: isSame ? current : stored,
  };
}

function storedVersionsOf({ status }: CustomResourceDefinition): readonly string[] {
  return status?.storedVersions ?? [];
}

async function definitionOf(
  client: Client,
  { spec }: StorageVersionMigration,
): Promise<CustomResourceDefinition | undefined> {
  const { resource = '', group = '' } = spec?.resource ?? {};
  try {
    return await client.get(CUSTOM_RESOURCE_DEFINITION, `${resource}.${group}`);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

interface Change {
  readonly definition: CustomResourceDefinition;
  readonly said: Said;
  readonly stored: readonly string[];
  readonly nowMs: number;
}

/** Names the revision that was looked at: what is said is true of that generation alone. */
async function apply(
  client: Client,
  { definition: { metadata }, said, stored, nowMs }: Change,
): Promise<void> {
  const { name = '', generation, resourceVersion } = metadata ?? {};
  const condition = {
    type: MIGRATING,
    ...said,
    lastTransitionTime: timeText(nowMs),
    observedGeneration: generation,
  };
  await client.patch(
    CUSTOM_RESOURCE_DEFINITION,
    { name },
    'apply',
    {
      apiVersion: apiVersionOf(CUSTOM_RESOURCE_DEFINITION),
      kind: CUSTOM_RESOURCE_DEFINITION.kind,
      metadata: { name, resourceVersion },
      status: { conditions: [condition], storedVersions: stored },
    },
    { subresource: 'status', fieldManager: MANAGER, force: true },
  );
}
