/**
 * The grammar of image references, as `docker run` takes them: that of the reference implementation
 * (github.com/distribution/reference, `regexp.go` and `normalize.go`):
 *
 *     reference  = name [ ":" tag ] [ "@" digest ]        name at most 255 characters
 *     name       = [ domain "/" ] component { "/" component }
 *     domain     = ( label { "." label } | "[" IPv6 "]" ) [ ":" port ]
 *     component  = [a-z0-9]+ { ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ }
 *     tag        = [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
 *     digest     = algorithm ":" hex, of 32 digits at least
 *
 * Ids of images, short (`4bcff6`) or whole (`sha256:` and 64 digits), have the form of a name with or without a tag.
 */

const MAX_NAME = 255;
const MAX_TAG = 128;
/** SHA-512 in hex, and room for the name of an algorithm. */
const MAX_DIGEST = 256;
const MAX_REFERENCE = MAX_NAME + 1 + MAX_TAG + 1 + MAX_DIGEST;

const LABEL = /^[A-Za-z0-9]$|^[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]$/;
const IPV6 = /^\[[0-9A-Fa-f:]+\]$/;
const PORT = /^[0-9]+$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const ALGORITHM = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*$/;
const HEX = /^[0-9a-fA-F]{32,}$/;
/** Hex digits of the algorithms that engines know. */
const DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What is wrong with a reference to an image; undefined where nothing is. */
export function imageProblem(reference: string): string | undefined {
  if (reference.length > MAX_REFERENCE) return `is no image: it has more than ${MAX_REFERENCE} characters`;
  const at = reference.indexOf('@');
  const tagged = at < 0 ? reference : reference.slice(0, at);
  if (at >= 0 && !isDigest(reference.slice(at + 1))) {
    return 'is no image: its digest must be as sha256: and 64 hex digits';
  }
  const colon = tagged.lastIndexOf(':');
  const isTagged = colon > tagged.lastIndexOf('/');
  const name = isTagged ? tagged.slice(0, colon) : tagged;
  const tag = isTagged ? tagged.slice(colon + 1) : undefined;
  if (tag !== undefined && (tag.length > MAX_TAG || !TAG.test(tag))) {
    return `is no image: its tag must be 1 to ${MAX_TAG} letters, digits, dots, underscores and hyphens`;
  }
  if (name.length > MAX_NAME) return `is no image: its name has more than ${MAX_NAME} characters`;
  return nameProblem(name);
}

function nameProblem(name: string): string | undefined {
  const [first = '', ...rest] = name.split('/');
  // The first part is a registry where it looks like one; else all of it is a path on the default one.
  const hasDomain = rest.length > 0 && (/[.:[]/.test(first) || first === 'localhost' || /[A-Z]/.test(first));
  // A host with an underscore is taken all the same, since it has the form of a component.
  if (hasDomain && !isDomain(first) && !COMPONENT.test(first))
    return 'is no image: its registry must be as example.com or example.com:5000';
  const path = hasDomain ? rest : [first, ...rest];
  if (path.every((component) => COMPONENT.test(component))) return undefined;
  return 'is no image: write [registry/]name[:tag] in lower-case letters, digits, and single ._- between them';
}

function isDomain(domain: string): boolean {
  const colon = domain.lastIndexOf(':');
  const hasPort = colon > domain.lastIndexOf(']');
  if (hasPort && !PORT.test(domain.slice(colon + 1))) return false;
  const host = hasPort ? domain.slice(0, colon) : domain;
  return IPV6.test(host) || host.split('.').every((label) => LABEL.test(label));
}

function isDigest(digest: string): boolean {
  const colon = digest.indexOf(':');
  if (digest.length > MAX_DIGEST || colon < 0) return false;
  const algorithm = digest.slice(0, colon);
  const hex = digest.slice(colon + 1);
  if (!ALGORITHM.test(algorithm) || !HEX.test(hex)) return false;
  const digits = DIGITS[algorithm];
  return digits === undefined || (hex.length === digits && !/[A-F]/.test(hex));
}
