// The hub's end of the uplink as a script: it greets, checks signatures, takes journals with a cursor of its own, and
// does what a test tells it. Real sockets, nothing of the hub's code.
import { createPublicKey, randomUUID, verify } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type EffectBody,
  encodeFrame,
  type Frame,
  type FrameOf,
  FrameReader,
  type FrameType,
  helloSigningInput,
  type IngestEntry,
  type InternalCommand,
  type InternalCommandType,
  MusterError,
} from "@muster/contracts";
import { sha256Hex } from "@muster/core";
import { until } from "@muster/core/testing";
import { type WebSocket, WebSocketServer } from "ws";

export type CommandOf<Type extends InternalCommandType> = Extract<InternalCommand, { type: Type }>;

interface Journal {
  lastSequence: number;
  readonly entries: IngestEntry[];
}

export interface HubBehaviour {
  /** What a hello is answered with; the default takes every node. */
  answerHello: (hello: FrameOf<"hello">, socket: HubSocket) => void;
  /** Acknowledgements are swallowed while this is true; entries are taken nevertheless. */
  losesAcknowledgements: boolean;
  greets: boolean;
  stopTurns: FrameOf<"hello_ack">["stopTurns"];
  /** Of its store. */
  generation: string;
}

export class HubSocket {
  readonly socket: WebSocket;
  readonly nonce = randomUUID().repeat(2);
  readonly frames: Frame[] = [];
  closeCode: number | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("close", (code) => {
      this.closeCode = code;
    });
    socket.on("error", () => {});
  }

  send(frame: Frame): void {
    for (const text of encodeFrame(frame, { digest: sha256Hex, chunkId: randomUUID })) this.socket.send(text);
  }

  refuse(code: number, error: MusterError): void {
    this.send({ type: "error", error: error.toBody() });
    this.socket.close(code);
  }
}

export class ScriptedHub {
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly sockets: HubSocket[] = [];
  /** Journals by their id, as an honest hub would keep them. */
  readonly journals = new Map<string, Journal>();
  /** Batches as they came, repeated ones too. */
  readonly batches: FrameOf<"ingest.batch">[] = [];
  readonly behaviour: HubBehaviour = {
    answerHello: (hello, socket) => this.welcome(hello, socket),
    losesAcknowledgements: false,
    greets: true,
    stopTurns: [],
    generation: "generation",
  };
  url = "";

  constructor() {
    this.#server = createServer();
    this.#server.on("upgrade", (request, socket, head) => {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#greet(webSocket));
    });
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    for (const { socket } of this.sockets) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The newest connection. */
  get current(): HubSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no daemon has connected");
    return socket;
  }

  all<Type extends FrameType>(type: Type): FrameOf<Type>[] {
    return this.sockets.flatMap(({ frames }) => frames.filter((frame): frame is FrameOf<Type> => frame.type === type));
  }

  async next<Type extends FrameType>(type: Type, nth = 1): Promise<FrameOf<Type>> {
    await until(`frame ${nth} of ${type}`, () => this.all(type).length >= nth);
    return this.all(type)[nth - 1] as FrameOf<Type>;
  }

  /** Everything ingested of all journals, in order. */
  get entries(): IngestEntry[] {
    return [...this.journals.values()].flatMap(({ entries }) => entries);
  }

  commands<Type extends InternalCommandType>(type: Type): CommandOf<Type>[] {
    return this.entries
      .map(({ command }) => command)
      .filter((command): command is CommandOf<Type> => command.type === type);
  }

  activities(kind: string): CommandOf<"thread.activity.append">[] {
    return this.commands("thread.activity.append").filter((command) => command.kind === kind);
  }

  /** All assistant text of a turn, put together by offset. */
  textOf(turnId: string): string {
    const texts = new Map<string, string>();
    for (const { command } of this.entries) {
      if (command.type !== "thread.message.assistant.delta" && command.type !== "thread.message.assistant.complete")
        continue;
      if (command.turnId !== turnId) continue;
      const known = texts.get(command.messageId) ?? "";
      if (command.offset !== known.length) throw new Error(`text at ${command.offset}, ${known.length} are there`);
      texts.set(command.messageId, known + command.text);
    }
    return [...texts.values()].join("\n");
  }

  run(effectId: string, effect: EffectBody, fence = 1): void {
    this.current.send({ type: "effect.run", effectId: effectId as FrameOf<"effect.run">["effectId"], fence, effect });
  }

  result(effectId: string): FrameOf<"effect.result"> | undefined {
    return this.all("effect.result").find((frame) => frame.effectId === effectId);
  }

  welcome(hello: FrameOf<"hello">, socket: HubSocket): void {
    const cursor = this.journals.get(hello.journalId)?.lastSequence ?? 0;
    socket.send({
      type: "hello_ack",
      replicaId: "scripted",
      connectionId: randomUUID(),
      epoch: 1,
      generation: this.behaviour.generation,
      features: {},
      limits: { frameMaxBytes: 1_048_576, ingestBatchMaxEntries: 256 },
      clock: new Date().toISOString(),
      ingestCursor: cursor,
      stopTurns: this.behaviour.stopTurns,
    });
  }

  #greet(webSocket: WebSocket): void {
    const socket = new HubSocket(webSocket);
    this.sockets.push(socket);
    const reader = new FrameReader({ digest: sha256Hex });
    webSocket.on("message", (data) => {
      const frame = reader.read(data.toString());
      if (frame === null) return;
      socket.frames.push(frame);
      if (frame.type === "hello") this.behaviour.answerHello(frame, socket);
      if (frame.type === "ingest.batch") this.#take(frame, socket);
      if (frame.type === "ping") socket.send({ type: "pong", nonce: frame.nonce });
    });
    if (this.behaviour.greets) socket.send({ type: "challenge", nonce: socket.nonce, protocolVersions: [1] });
  }

  #take(batch: FrameOf<"ingest.batch">, socket: HubSocket): void {
    this.batches.push(batch);
    const journal = this.journals.get(batch.journalId) ?? { lastSequence: 0, entries: [] };
    this.journals.set(batch.journalId, journal);
    const hasGap = batch.firstSequence > journal.lastSequence + 1;
    for (const entry of hasGap ? [] : batch.entries) {
      if (entry.sequence !== journal.lastSequence + 1) continue;
      if (entry.command === null) throw new Error(`entry ${entry.sequence} cannot be read`);
      journal.entries.push(entry);
      journal.lastSequence = entry.sequence;
    }
    if (this.behaviour.losesAcknowledgements) return;
    socket.send({
      type: "ingest.ack",
      journalId: batch.journalId,
      lastSequence: journal.lastSequence,
      ...(hasGap ? { error: new MusterError("ingest_gap").toBody() } : {}),
    });
  }
}

/** Whether the hello's signature is that of the key (base64 of 32 raw bytes) over the nonce of its socket. */
export const isProven = (hello: FrameOf<"hello">, nonce: string, publicKey: string): boolean => {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(publicKey, "base64")]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, Buffer.from(helloSigningInput({ ...hello, nonce })), key, Buffer.from(hello.signature, "base64"));
};
