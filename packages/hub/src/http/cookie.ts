// The login cookie. Cookies know no port, so its name carries it: two hubs on one machine keep two logins.

export const cookieName = (port: number): string => `muster_${port}`;

/** The value of the first cookie of that name; undefined when there is none. */
export const readCookie = (header: string | undefined, name: string): string | undefined => {
  for (const part of (header ?? "").split(";")) {
    const separator = part.indexOf("=");
    if (separator > 0 && part.slice(0, separator).trim() === name) return part.slice(separator + 1).trim();
  }
  return undefined;
};

export interface CookieOptions {
  readonly name: string;
  readonly value: string;
  /** 0 takes the cookie away. */
  readonly maxAgeSeconds: number;
  /** True where the browser speaks TLS to a proxy in front. */
  readonly secure: boolean;
}

/** A Set-Cookie value that no script reads and no other site sends. */
export const setCookie = ({ name, value, maxAgeSeconds, secure }: CookieOptions): string =>
  `${name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAgeSeconds}${secure ? "; Secure" : ""}`;
