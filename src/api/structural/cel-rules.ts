/** The rule engine of custom resources: schemas' rules in CEL, by our own engine. */
import { declare } from '#cel/schema/declared-type.ts';
import { ROOT } from '../meta/field.ts';
import { compileNodeRules } from './cel-compile.ts';
import { RuleRunner } from './cel-run.ts';
import { celSchemaOf } from './cel-schema.ts';
import { SELF_TYPE, validatorFor } from './cel-validator.ts';
import type { RuleEngine } from './rule-engine.ts';

export const CEL_RULES: RuleEngine = {
  compile(schema, { isResourceRoot, known }) {
    const declared = declare(celSchemaOf(schema), SELF_TYPE, isResourceRoot);
    if (declared === undefined)
      throw new Error('failed to convert to declType for CEL validation rules');
    return compileNodeRules(schema.rules ?? [], declared, known);
  },

  validate(value, schema, { at = ROOT, old, correlation, budget, isResourceRoot }) {
    const runner = new RuleRunner(budget);
    const validator = validatorFor(schema, isResourceRoot);
    if (validator !== undefined) {
      const ratchet = { current: correlation, parent: undefined };
      runner.validate(validator, { at, value, old, ratchet });
    }
    const { errors, forgiven, remainingBudget } = runner;
    return { errors, forgiven, remainingBudget };
  },
};
