// Every bound of the HTTP server by name, with its reason. Tests pass smaller ones; nothing else does.
import { FEED_KEEP_ALIVE_MS } from "@muster/contracts";

export interface HttpLimits {
  /** Headers must have arrived within this time: a browser needs one packet, a slow-loris never ends. */
  readonly headersTimeoutMs: number;
  /** A whole request, body included: 1 MiB in this time is a modem. */
  readonly requestTimeoutMs: number;
  /** How often Node looks for requests that are late: a bound above is met within this much more. */
  readonly lateRequestCheckMs: number;
  /** An idle connection is kept this long, longer than proxies pause between requests of a page. */
  readonly keepAliveTimeoutMs: number;
  /** A socket on which nothing moves is cut off. Event streams carry a comment every FEED_KEEP_ALIVE_MS, so four missed ones. */
  readonly socketIdleTimeoutMs: number;
  /** Request line and headers together; also bounds how many headers there are and what a query can hold. */
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  /** Of one address, as long as they speak HTTP: an office behind one address, and a tenth of all. Loopback has no such limit. */
  readonly connectionsPerAddressMax: number;
  /** Requests of whoever is logged in that are answered at once, event streams not counted: what is beyond would only wait in the store's queue. */
  readonly maxRequestsInFlight: number;
  /** Of one principal, steadily and at once; heartbeats have a limit of their own. A console needs a few a second, a script some hundreds. */
  readonly requestsPerSecondMax: number;
  /** A request whose body takes longer than this is asked once more who sends it. */
  readonly credentialsKeptMs: number;
  readonly requestsBurstMax: number;
  /** Principals whose requests are counted. */
  readonly requestPrincipalsMax: number;
  /** Requests of procedures that anyone may call, open at once. They take no place of those who are logged in. */
  readonly publicRequestsMax: number;
  /** The same of one address; loopback has no such limit. */
  readonly publicRequestsPerAddressMax: number;
  /** The body of such a request must have arrived within this time: it has a few KiB. */
  readonly publicBodyTimeoutMs: number;
  /** Body of a procedure that anyone may call. A login token has 43 characters, with an end a few more. */
  readonly publicBodyMaxBytes: number;
  /** Body of the redemption of an invite: a machine's capabilities have up to 32 KiB. */
  readonly joinBodyMaxBytes: number;
  /** A refused body up to this size is read and thrown away, so that the client gets to read why; beyond it the connection is cut. */
  readonly discardMaxBytes: number;
  /** Nesting of a JSON body. The deepest command has 4 levels. */
  readonly jsonDepthMax: number;
  /** Issues listed in one validation error. */
  readonly issuesMax: number;
  /** Event streams of one principal: a person's tabs and scripts. */
  readonly eventStreamsPerPrincipalMax: number;
  /** Event streams in all: each costs a socket, its buffer of 64 KiB and one message, and a reader of the log. */
  readonly eventStreamsMax: number;
  /** A comment is written this often on an event stream that has nothing else to say. */
  readonly eventKeepAliveMs: number;
  /** How often the credentials of open event streams are looked at again: a revocation has to end them within a second. */
  readonly credentialsCheckMs: number;
  /** An answer of `/readyz` that takes longer is a no. */
  readonly readinessTimeoutMs: number;
  /** What is still being answered when the server closes may take this long; the whole process has 5 s. */
  readonly closeGraceMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  lateRequestCheckMs: 1_000,
  keepAliveTimeoutMs: 65_000,
  socketIdleTimeoutMs: 60_000,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 20_000,
  connectionsPerAddressMax: 2_048,
  maxRequestsInFlight: 1_024,
  requestsPerSecondMax: 500,
  credentialsKeptMs: 250,
  requestsBurstMax: 2_000,
  requestPrincipalsMax: 10_000,
  publicRequestsMax: 256,
  publicRequestsPerAddressMax: 16,
  publicBodyTimeoutMs: 5_000,
  publicBodyMaxBytes: 4 * 1024,
  joinBodyMaxBytes: 48 * 1024,
  discardMaxBytes: 8 * 1024 * 1024,
  jsonDepthMax: 32,
  issuesMax: 20,
  eventStreamsPerPrincipalMax: 64,
  eventStreamsMax: 2_048,
  eventKeepAliveMs: FEED_KEEP_ALIVE_MS,
  credentialsCheckMs: 750,
  readinessTimeoutMs: 2_000,
  closeGraceMs: 3_000,
};
