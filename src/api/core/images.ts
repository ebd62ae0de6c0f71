/** Image references, as far as defaults need them. Source: the reference grammar of the OCI distribution. */

const DOMAIN =
  '(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(
  `^(?:${DOMAIN}/)?${PART}(?:/${PART})*(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);

/** Whether the image's tag is `latest`, named or not. An image that cannot be parsed has no tag. */
export function imageIsLatest(image: string): boolean {
  const match = REFERENCE.exec(image);
  if (match === null) return false;
  const [, tag, digest] = match;
  return tag === 'latest' || (tag === undefined && digest === undefined);
}
