/** What a change asks for: objects out of YAML or JSON, as kubectl reads them with `-f`. */
import { fromYamlDocuments, YamlError } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject, KubeObject } from '#api/meta/object.ts';

export interface Manifest {
  /** Where it stands: `web.yaml`, or `web.yaml, document 2`. */
  readonly source: string;
  readonly object: KubeObject;
}

/** A text that holds no objects. The message names it. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** The objects of a text in their order; lists are taken apart. Throws ManifestError. */
export function parseManifests(text: string, name: string): Manifest[] {
  const documents = parse(text, name);
  return documents.flatMap((document, index) => {
    const source = documents.length === 1 ? name : `${name}, document ${index + 1}`;
    return objectsIn(document, source).map((object) => ({ source, object }));
  });
}

function parse(text: string, name: string): Json[] {
  try {
    // JSON is YAML, but for tabs and for what no file has.
    return text.trimStart().startsWith('{') ? [JSON.parse(text) as Json] : fromYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError)
      throw new ManifestError(`error parsing ${name}: ${error.message}`);
    return parseStream(text, name);
  }
}

/** Several JSON documents one behind the other are YAML at best. */
function parseStream(text: string, name: string): Json[] {
  try {
    return fromYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError)
      throw new ManifestError(`error parsing ${name}: ${error.message}`);
    throw error;
  }
}

function objectsIn(document: Json, source: string): KubeObject[] {
  if (!isJsonObject(document)) throw new ManifestError(`${source} holds no object`);
  const { apiVersion, kind, items } = document;
  if (typeof kind !== 'string' || kind === '')
    throw new ManifestError(`${source}: Object 'Kind' is missing`);
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw new ManifestError(`${source}: Object 'apiVersion' is missing`);
  if (kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item) => objectsIn(withType(item, document), source));
  // Sound: it has type and kind; the server checks the rest.
  return [document as unknown as KubeObject];
}

/** Items of a typed list do not repeat what they are. */
function withType(item: Json, { apiVersion, kind }: JsonObject): Json {
  if (!isJsonObject(item) || typeof kind !== 'string' || kind === 'List') return item;
  return { apiVersion: apiVersion ?? '', kind: kind.slice(0, -'List'.length), ...item };
}
