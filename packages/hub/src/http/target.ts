// The request target, read once and strictly. What could mean two things to two readers (encoded slashes, dot
// segments, a full URL) is refused rather than normalised, so that no check looks at another path than the handler.
import { MusterError } from "@muster/contracts";

export interface Target {
  /** As sent, without the query. */
  readonly path: string;
  /** Percent-decoded. */
  readonly decodedPath: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** Parameters under which people put secrets into links, where logs and histories keep them. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  "token",
  "access_token",
  "auth_token",
  "login_token",
  "api_key",
  "apikey",
  "bearer",
  "authorization",
  "password",
  "secret",
]);

const malformed = (why: string): MusterError => new MusterError("malformed_request", why);

const decode = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    throw malformed("The path is not well encoded.");
  }
};

const refuseAmbiguous = (path: string, decodedPath: string): void => {
  if (!path.startsWith("/") || path.startsWith("//")) throw malformed("The path must start with one slash.");
  if (/%(?:2f|5c|00)/i.test(path) || decodedPath.includes("\\")) {
    throw malformed("The path holds an encoded slash, a backslash or a NUL.");
  }
  if (decodedPath.split("/").some((segment) => segment === "." || segment === "..")) {
    throw malformed("The path holds a dot segment.");
  }
};

/** Throws `malformed_request` for an ambiguous path. */
export const parseTarget = (url: string | undefined): Target => {
  const raw = url ?? "";
  const end = raw.indexOf("?");
  const path = end < 0 ? raw : raw.slice(0, end);
  const decodedPath = decode(path);
  refuseAmbiguous(path, decodedPath);
  return { path, decodedPath, query: end < 0 ? "" : raw.slice(end) };
};

/** The name of a parameter that would carry a secret; undefined when there is none. */
export const secretParameter = (query: string): string | undefined =>
  [...new URLSearchParams(query).keys()].find((name) => SECRET_PARAMETERS.has(name.toLowerCase()));
