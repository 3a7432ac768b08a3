// What a calling thread and a thread of a store say to each other, whatever the work is: plain data that a structured
// clone carries. Each request has one answer.
import { StoreError, type StoreErrorCode } from "../port.ts";

/** What every thread is told at its start. */
export interface ThreadTask {
  /** As its end is told of, and as tools list it. */
  readonly role: string;
  /** What it works on. */
  readonly path: string;
}

/** `null` asks the thread to close what it has open and end. */
export type Request<Work> = { readonly id: number; readonly work: Work } | null;

export type Answer<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: PlainError };

/** A StoreError on its way: a clone would keep neither class nor code. */
export interface PlainError {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly constraint: string | undefined;
}

export const toPlainError = ({ code, message, constraint }: StoreError): PlainError => ({ code, message, constraint });

export const fromPlainError = ({ code, message, constraint }: PlainError): StoreError =>
  new StoreError(code, message, constraint === undefined ? {} : { constraint });
