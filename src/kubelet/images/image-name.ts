/**
 * Names of images: the tag that is meant when none is written.
 *
 * Source: the reference grammar of distribution (github.com/distribution/reference). Upstream:
 * pkg/util/parsers/parsers.go, pkg/kubelet/images/image_manager.go (applyDefaultImageTag).
 */

const HOST = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)';
const DOMAIN = `${HOST}(?:\\.${HOST})*(?::[0-9]+)?|\\[[a-fA-F0-9:]+\\](?::[0-9]+)?`;
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = `(?:(?:${DOMAIN})/)?${COMPONENT}(?:/${COMPONENT})*`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(${NAME})(?::(${TAG}))?(?:@(${DIGEST}))?$`);

/** The name with `:latest` when it has neither tag nor digest. Throws for what is no name. */
export function withDefaultTag(image: string): string {
  const [, name, tag, digest] = REFERENCE.exec(image) ?? [];
  if (name === undefined) {
    throw new Error(
      `couldn't parse image name "${image}": ${
        /[A-Z]/.test(image) && REFERENCE.test(image.toLowerCase())
          ? 'invalid reference format: repository name must be lowercase'
          : 'invalid reference format'
      }`,
    );
  }
  return tag === undefined && digest === undefined ? `${image}:latest` : image;
}
