/** Image references, as far as defaults need them. Source: the reference grammar of the OCI distribution. */

const DOMAIN =
  '(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^(?:${DOMAIN}/)?${PART}(?:/${PART})*(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);

/** The hash of an image, which is no name. */
const IDENTIFIER = /^[a-f0-9]{64}$/;
const PATH_MAX = 255;
const DEFAULT_HOST = 'docker.io';

/** Without host, tag and digest; images of the default host without a slash are in `library/`. */
function pathOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash === -1 ? '' : image.slice(0, slash);
  const hasHost = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first;
  const name = (hasHost ? image.slice(slash + 1) : image).split(/[:@]/, 1)[0] ?? '';
  const isDefault = !hasHost || first === DEFAULT_HOST;
  return isDefault && !name.includes('/') ? `library/${name}` : name;
}

/** Whether the image's tag is `latest`, named or not. An image that cannot be parsed has no tag. */
export function imageIsLatest(image: string): boolean {
  const match = REFERENCE.exec(image);
  if (match === null || IDENTIFIER.test(image) || pathOf(image).length > PATH_MAX) return false;
  const [, tag, digest] = match;
  return tag === 'latest' || (tag === undefined && digest === undefined);
}
