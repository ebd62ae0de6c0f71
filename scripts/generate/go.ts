/**
 * Reads the facts of API types from Go source: struct members with their tags and `+markers`,
 * named types, string constants, the group version and the kinds registered for it.
 *
 * It reads one line at a time and knows only the Go that API packages are written in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemberFacts, NamedFacts, PackageFacts, PackageSource, StructFacts } from './facts.ts';

type Markers = Map<string, string[]>;

/** Tells generated code and tests from the files that people write. */
function isSource(file: string): boolean {
  return file.endsWith('.go') && !/_test\.go$|^zz_generated|^generated\.pb|swagger_doc/.test(file);
}

export function readPackage(root: string, source: PackageSource): PackageFacts {
  const directory = join(root, source.path);
  const reader = new PackageReader();
  for (const file of readdirSync(directory).filter(isSource).toSorted()) {
    reader.read(readFileSync(join(directory, file), 'utf8'));
  }
  const models = readFileSync(join(directory, 'zz_generated.model_name.go'), 'utf8');
  const model = /return "(.+)\.\w+"/.exec(models)?.[1];
  if (model === undefined) throw new Error(`Cannot read model names of ${source.path}: none found`);
  const { imports, structs, named, constants } = reader;
  const registered = readRegister(directory, source);
  return { source, ...registered, imports, structs, named, constants, model };
}

function readRegister(
  directory: string,
  source: PackageSource,
): { group: string; version: string; kinds: ReadonlySet<string> } {
  const version = source.path.slice(source.path.lastIndexOf('/') + 1);
  const text = readFileSync(join(directory, 'register.go'), 'utf8');
  const group = /GroupName = "([^"]*)"/.exec(text)?.[1] ?? '';
  const kinds = [...text.matchAll(/&(\w+)\{\}/g)].map((match) => match[1] ?? '');
  return { group, version, kinds: new Set(kinds) };
}

class PackageReader {
  readonly imports = new Map<string, string>();
  readonly structs = new Map<string, StructFacts>();
  readonly named = new Map<string, NamedFacts>();
  readonly constants = new Map<string, Map<string, string>>();

  read(text: string): void {
    const lines = text.replace(/\/\*[\s\S]*?\*\//g, '').split('\n');
    this.readImports(text);
    let comments: string[] = [];
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at] ?? '';
      const trimmed = line.trim();
      if (trimmed.startsWith('//')) comments.push(trimmed.slice(2).trim());
      else if (trimmed !== '') {
        const struct = /^type (\w+) struct \{$/.exec(line);
        if (struct?.[1] !== undefined) at = this.readStruct(struct[1], lines, at + 1, comments);
        else this.readDeclaration(line, comments);
        comments = [];
      }
    }
  }

  private readImports(text: string): void {
    for (const match of text.matchAll(/^\s+(?:(\w+) )?"([a-z0-9./-]+)"$/gm)) {
      const path = match[2] ?? '';
      this.imports.set(match[1] ?? path.slice(path.lastIndexOf('/') + 1), path);
    }
    for (const match of text.matchAll(/^import (?:(\w+) )?"([a-z0-9./-]+)"$/gm)) {
      const path = match[2] ?? '';
      this.imports.set(match[1] ?? path.slice(path.lastIndexOf('/') + 1), path);
    }
  }

  private readDeclaration(line: string, comments: readonly string[]): void {
    const empty = /^type (\w+) struct ?\{\}$/.exec(line);
    if (empty?.[1] !== undefined) {
      this.structs.set(empty[1], { name: empty[1], members: [], markers: markersOf(comments) });
      return;
    }
    const named = /^type (\w+) (= )?([\w.[\]*]+)$/.exec(line.replace(/\s*\/\/.*$/, ''));
    if (named?.[1] !== undefined && named[3] !== undefined) {
      const [, name, alias, goType] = named;
      this.named.set(name, {
        name,
        goType,
        alias: alias !== undefined,
        markers: markersOf(comments),
      });
      return;
    }
    const constant = /^(?:const)?\s+(\w+)\s+(\w+)\s*=\s*"([^"]*)"/.exec(line);
    if (constant !== null)
      this.addConstant(constant[2] ?? '', constant[1] ?? '', constant[3] ?? '');
  }

  private addConstant(type: string, name: string, value: string): void {
    const values = this.constants.get(type) ?? new Map<string, string>();
    values.set(name, value);
    this.constants.set(type, values);
  }

  /** Reads members up to the closing brace; returns the line of it. */
  private readStruct(
    name: string,
    lines: readonly string[],
    from: number,
    comments: readonly string[],
  ): number {
    const members: MemberFacts[] = [];
    let own: string[] = [];
    let at = from;
    for (; lines[at] !== '}'; at++) {
      const trimmed = (lines[at] ?? '').trim();
      if (trimmed.startsWith('//')) own.push(trimmed.slice(2).trim());
      else {
        const member = trimmed === '' ? undefined : readMember(trimmed, markersOf(own));
        if (member !== undefined) members.push(member);
        own = [];
      }
    }
    this.structs.set(name, { name, members, markers: markersOf(comments) });
    return at;
  }
}

/** `+key=value` lines of a comment; a key may come more than once. */
function markersOf(comments: readonly string[]): Markers {
  const markers: Markers = new Map();
  for (const comment of comments) {
    const match = /^\+([\w:.()-]+)(?:=(.*))?$/.exec(comment);
    if (match?.[1] === undefined) continue;
    const values = markers.get(match[1]) ?? [];
    values.push((match[2] ?? '').trim());
    markers.set(match[1], values);
  }
  return markers;
}

function readMember(line: string, markers: Markers): MemberFacts | undefined {
  const match = /^(?:(\w+)\s+)?([\w.[\]*{}]+)\s+`([^`]*)`/.exec(line);
  if (match?.[2] === undefined || match[3] === undefined) return undefined;
  const [, name, goType, tagText] = match;
  const tags = new Map([...tagText.matchAll(/(\w+):"([^"]*)"/g)].map((t) => [t[1], t[2] ?? '']));
  const [json, ...options] = (tags.get('json') ?? '').split(',');
  if (json === '-') return undefined;
  const number = Number(/^\w+,(\d+),?/.exec(tags.get('protobuf') ?? '')?.[1] ?? 0);
  return {
    json: options.includes('inline') ? undefined : json === '' ? name : json,
    goName: name ?? goType.slice(goType.lastIndexOf('.') + 1),
    goType,
    number,
    omitempty: options.includes('omitempty'),
    omitzero: options.includes('omitzero'),
    markers,
    patchStrategy: tags.get('patchStrategy'),
    patchMergeKey: tags.get('patchMergeKey'),
  };
}
