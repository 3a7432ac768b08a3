// What the server needs of a log; pino's Logger is one. Fields never hold a token, a cookie or a query string.

export interface HttpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
