/** The built-in kinds that a server serves: what is on by default, and what its flags say. */
import { gateOfPodField } from './core/pod-gated-fields.ts';
import type { FeatureGates } from './features/feature-gates.ts';
import { type RuntimeConfig, servedKinds } from './features/runtime-config.ts';
import type { AnyKind } from './kind.ts';
import { KINDS } from './kinds.ts';
import { OPTIONAL_KINDS } from './optional-kinds.ts';

const BY_DEFAULT: ReadonlySet<AnyKind> = new Set(KINDS);

/** Throws RuntimeConfigError. */
export function chosenKinds(gates: FeatureGates, config: RuntimeConfig = new Map()): AnyKind[] {
  return servedKinds([...KINDS, ...OPTIONAL_KINDS], config, (kind) => BY_DEFAULT.has(kind))
    .filter(({ featureGate }) => featureGate === undefined || gates.enabled(featureGate))
    .map((kind) => opened(kind, gates));
}

/** The kind with the fields that gates let in. */
function opened(plain: AnyKind, gates: FeatureGates): AnyKind {
  const kind = withPodFields(plain, gates);
  const { openedByGate } = kind;
  if (openedByGate === undefined || !gates.enabled(openedByGate.gate)) return kind;
  return {
    ...kind,
    gatedFields: (kind.gatedFields ?? []).filter((path) => !openedByGate.fields.includes(path)),
    setDefaults: (object) => {
      kind.setDefaults?.(object);
      openedByGate.setDefaults(object);
    },
  };
}

function withPodFields(kind: AnyKind, gates: FeatureGates): AnyKind {
  const { gatedFields = [] } = kind;
  const closed = gatedFields.filter((path) => {
    const gate = gateOfPodField(path);
    return gate === undefined || !gates.enabled(gate);
  });
  return closed.length === gatedFields.length ? kind : { ...kind, gatedFields: closed };
}
