/** The field numbers in Go's tags must be those of upstream's generated.proto. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TypeModel } from './facts.ts';
import { parseProto } from './proto.ts';

/** Where the two disagree, in words. Types without a message have no protobuf form. */
export function protoDisagreements(root: string, models: readonly TypeModel[]): string[] {
  const byPackage = Map.groupBy(models, (model) => model.ref.package.source.path);
  return [...byPackage].flatMap(([path, types]) => {
    const text = readProto(join(root, path, 'generated.proto'));
    const messages = new Map(parseProto(text).messages.map((message) => [message.name, message]));
    return types.flatMap((type) => {
      const message = messages.get(type.ref.name);
      return message === undefined
        ? []
        : compare(
            type,
            message.fields.map(({ number }) => number),
          );
    });
  });
}

function readProto(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Written by hand here, so there is nothing to compare with.
    return '';
  }
}

function compare(type: TypeModel, numbers: readonly number[]): string[] {
  const own = type.members.map((member) => member.facts.number).filter((number) => number > 0);
  const differing = [...new Set(own).symmetricDifference(new Set(numbers))];
  if (differing.length === 0) return [];
  return [`${type.ref.package.source.path}.${type.ref.name}: numbers ${differing.join(', ')}`];
}
