/** Reads messages and enums of a .proto file. Knows what the CRI's and upstream's files use. */

export interface ProtoField {
  readonly name: string;
  /** `string`, `int64`, …, or the name of a message or enum. */
  readonly type: string;
  readonly number: number;
  readonly repeated: boolean;
  /** Type of the keys of a map; `type` is that of its values. */
  readonly mapKey: string | undefined;
}

export interface ProtoMessage {
  readonly name: string;
  readonly fields: readonly ProtoField[];
}

export interface ProtoEnum {
  readonly name: string;
  readonly values: readonly (readonly [name: string, number: number])[];
}

export interface ProtoFile {
  readonly messages: readonly ProtoMessage[];
  readonly enums: readonly ProtoEnum[];
}

interface Block {
  readonly kind: 'message' | 'enum';
  readonly name: string;
  readonly lines: string[];
}

export function parseProto(text: string): ProtoFile {
  const blocks = readBlocks(text);
  const ofKind = (kind: Block['kind']): Block[] => blocks.filter((block) => block.kind === kind);
  return {
    messages: ofKind('message').map((block) => ({
      name: block.name,
      fields: block.lines.flatMap(readField),
    })),
    enums: ofKind('enum').map((block) => ({
      name: block.name,
      values: block.lines.flatMap(readValue),
    })),
  };
}

/** Blocks with their own lines; a nested block's name begins with its parent's. */
function readBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  const open: Block[] = [];
  // Comments go first: a brace in one would open a block.
  const source = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
  for (const line of source.split('\n')) {
    const head = /^\s*(message|enum)\s+(\w+)\s*\{/.exec(line);
    const parent = open.at(-1);
    if (head?.[1] !== undefined && head[2] !== undefined) {
      const block: Block = {
        kind: head[1] as Block['kind'],
        name: `${parent?.name ?? ''}${head[2]}`,
        lines: [],
      };
      blocks.push(block);
      if (!/\}\s*$/.test(line)) open.push(block);
    } else if (/^\s*\}/.test(line)) open.pop();
    else if (line.trim() !== '') parent?.lines.push(line.trim());
  }
  return blocks;
}

function readField(line: string): ProtoField[] {
  const map = /^map<\s*(\w+)\s*,\s*([\w.]+)\s*>\s+(\w+)\s*=\s*(\d+)/.exec(line);
  if (map !== null) {
    const [, mapKey = '', type = '', name = '', number] = map;
    return [{ name, type, number: Number(number), repeated: false, mapKey }];
  }
  const field = /^(?:(repeated|optional)\s+)?([\w.]+)\s+(\w+)\s*=\s*(\d+)/.exec(line);
  if (field === null) return [];
  const [, label, type = '', name = '', number] = field;
  return [
    { name, type, number: Number(number), repeated: label === 'repeated', mapKey: undefined },
  ];
}

function readValue(line: string): [string, number][] {
  const value = /^(\w+)\s*=\s*(\d+)/.exec(line);
  return value?.[1] === undefined ? [] : [[value[1], Number(value[2])]];
}
