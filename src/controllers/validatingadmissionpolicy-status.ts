/**
 * Says of each ValidatingAdmissionPolicy, once for each generation, which of its expressions do not
 * fit the types of the objects that it is for.
 *
 *   policy ─▶ kinds of its rules ─▶ their OpenAPI schemas ─▶ expressions checked ─▶ status
 *
 * Upstream: pkg/controller/validatingadmissionpolicystatus/controller.go, v1.36.
 */
import {
  kindsToCheck,
  paramKindOf,
  typeWarnings,
} from '#api/admissionregistration/type-checking.ts';
import {
  type OpenApiDocument,
  openApiPath,
  schemaOf,
} from '#api/admissionregistration/openapi-types.ts';
import { VALIDATING_ADMISSION_POLICY } from '#api/admissionregistration/validating-admission-policy.ts';
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.ts';
import type { Client } from '#client/client.ts';
import { discover } from '#client/discovery.ts';
import { type Controller, defineController } from '#reconcile/controller.ts';

const FIELD_MANAGER = 'validatingadmissionpolicy-status';

export const policyStatusController: Controller = defineController<ValidatingAdmissionPolicy>({
  name: 'validatingadmissionpolicy-status-controller',
  for: VALIDATING_ADMISSION_POLICY,
  reconcile: async (policy, { client }) => {
    const { name = '', generation = 0 } = policy.metadata ?? {};
    if (generation <= (policy.status?.observedGeneration ?? 0)) return;
    const expressionWarnings = await warningsOf(policy, client);
    const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
    const { group, version, kind } = VALIDATING_ADMISSION_POLICY;
    const applied = {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name },
      status: { observedGeneration: generation, typeChecking },
    };
    const options = { subresource: 'status', fieldManager: FIELD_MANAGER, force: true };
    await client.patch(VALIDATING_ADMISSION_POLICY, { name }, 'apply', applied, options);
  },
});

async function warningsOf(policy: ValidatingAdmissionPolicy, client: Client) {
  const rules = policy.spec?.matchConstraints?.resourceRules ?? [];
  const kinds = rules.length === 0 ? [] : kindsToCheck(policy, (await discover(client)).all);
  if (kinds.length === 0) return [];
  const paramKind = paramKindOf(policy);
  const needed = paramKind === undefined ? kinds : [...kinds, paramKind];
  const documents = await documentsOf(new Set(needed.map(openApiPath)), client);
  return typeWarnings(policy, kinds, (kind) => {
    const document = documents.get(openApiPath(kind));
    return document && schemaOf(document, kind);
  });
}

/** The OpenAPI documents of those group versions that the server has. */
async function documentsOf(
  wanted: ReadonlySet<string>,
  client: Client,
): Promise<Map<string, OpenApiDocument>> {
  const index = JSON.parse(await client.raw('GET', '/openapi/v3')) as OpenApiIndex;
  const documents = new Map<string, OpenApiDocument>();
  for (const path of wanted) {
    const url = index.paths?.[path]?.serverRelativeURL;
    if (url === undefined) continue;
    documents.set(path, JSON.parse(await client.raw('GET', url)) as OpenApiDocument);
  }
  return documents;
}

interface OpenApiIndex {
  readonly paths?: Readonly<Record<string, { readonly serverRelativeURL?: string }>>;
}
