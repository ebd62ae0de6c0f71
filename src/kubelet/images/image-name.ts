/**
 * Names of images: the tag and the registry that are meant when none is written.
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

/** The registry of names that have none, as upstream writes it. */
const DEFAULT_DOMAIN = 'docker.io';

/**
 * The registry and the path, without tag and digest: what credentials are looked up by. `nginx:1` is
 * `docker.io/library/nginx`. Takes what `withDefaultTag` has taken.
 */
export function repositoryOf(image: string): string {
  const name = REFERENCE.exec(image)?.[1] ?? image;
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = /[.:]/.test(first) || first === 'localhost' || /[A-Z]/.test(first);
  const domain = !isDomain || first === 'index.docker.io' ? DEFAULT_DOMAIN : first;
  const path = isDomain ? name.slice(slash + 1) : name;
  return domain === DEFAULT_DOMAIN && !path.includes('/')
    ? `${domain}/library/${path}`
    : `${domain}/${path}`;
}
