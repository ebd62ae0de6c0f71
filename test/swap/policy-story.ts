/** What must come true of admission policies whichever of the components are ours. */
import { VALIDATING_ADMISSION_POLICY } from '#api/admissionregistration/validating-admission-policy.ts';
import type { Story } from './stories.ts';

const WARNING = `apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicaz'
 | object.spec.replicaz > 1
 | ...........^
`;

export const POLICY_STORY: Story = {
  name: 'a policy says which of its expressions do not fit the types of its objects',
  async tell({ client, namespace, until }) {
    const rule = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] };
    await client.create(VALIDATING_ADMISSION_POLICY, {
      metadata: { name: namespace },
      spec: {
        validations: [{ expression: 'object.spec.replicaz > 1' }],
        matchConstraints: { resourceRules: [{ ...rule, operations: ['CREATE'] }] },
      },
    });
    await until('its warning', async () => {
      const { status } = await client.get(VALIDATING_ADMISSION_POLICY, namespace);
      const warnings = status?.typeChecking?.expressionWarnings ?? [];
      return warnings.length === 1 && warnings[0]?.warning === WARNING;
    });
  },
};
