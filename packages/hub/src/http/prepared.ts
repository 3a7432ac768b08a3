// An answer that is bytes already. A procedure throws it, because the library would take an answer apart, check and write
// it once more, in everyone's event loop; the API sends it as it is.

export class PreparedAnswer extends Error {
  override readonly name = "PreparedAnswer";
  /** UTF-8 JSON that fits the procedure's output. */
  readonly body: Uint8Array;

  constructor(body: Uint8Array) {
    super("an answer, not a failure");
    this.body = body;
  }
}
