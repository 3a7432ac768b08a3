// A daemon's end of the uplink as a script: a key, a socket, the frames it got, and a hello that a test can spoil.
import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import {
  type Frame,
  type FrameOf,
  type FrameType,
  helloSigningInput,
  type JournalId,
  type NodeId,
  UPLINK_PATH,
} from "@muster/contracts";
import { until } from "@muster/core/testing";
import { type ClientOptions, WebSocket } from "ws";
import { type HubEnd, SPACE } from "./hub-end.ts";

export interface Machine {
  readonly nodeId: NodeId;
  readonly privateKey: KeyObject;
}

export const newMachine = (name = `node-${randomUUID()}`): Machine => ({
  nodeId: name as NodeId,
  privateKey: generateKeyPairSync("ed25519").privateKey,
});

/** Base64 of the 32 raw bytes of the public key. */
export const keyOf = ({ privateKey }: Machine): string =>
  Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url").toString("base64");

/** A machine whose key the hub knows. */
export const enrolled = (hub: HubEnd, name?: string): Machine => {
  const machine = newMachine(name);
  hub.keys.set(machine.nodeId, keyOf(machine));
  return machine;
};

export class DaemonEnd {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  closeCode: number | undefined;
  /** Status of an upgrade that was refused. */
  refused: number | undefined;

  constructor(url: string, options: ClientOptions = {}, path = UPLINK_PATH) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}${path}`, options);
    this.socket.on("message", (data) => this.frames.push(JSON.parse(data.toString()) as Frame));
    this.socket.on("close", (code) => {
      this.closeCode = code;
    });
    this.socket.on("unexpected-response", (_request, response) => {
      this.refused = response.statusCode;
      response.destroy();
    });
    this.socket.on("error", () => {});
  }

  send(frame: Frame): void {
    this.socket.send(JSON.stringify(frame));
  }

  of<Type extends FrameType>(type: Type): FrameOf<Type>[] {
    return this.frames.filter((frame): frame is FrameOf<Type> => frame.type === type);
  }

  async next<Type extends FrameType>(type: Type, nth = 1): Promise<FrameOf<Type>> {
    await until(`frame ${nth} of ${type}`, () => this.of(type).length >= nth || this.closeCode !== undefined);
    const frame = this.of(type)[nth - 1];
    if (frame === undefined) throw new Error(`closed with ${this.closeCode} before a ${type} came`);
    return frame;
  }

  async closed(): Promise<number> {
    await until("the socket's end", () => this.closeCode !== undefined);
    return this.closeCode ?? 0;
  }

  /** The hello for the challenge of this socket, or for another nonce. */
  async hello(machine: Machine, more: Partial<FrameOf<"hello">> & { nonce?: string } = {}): Promise<FrameOf<"hello">> {
    const { nonce: given, ...fields } = more;
    const nonce = given ?? (await this.next("challenge")).nonce;
    const who = { spaceId: SPACE, nodeId: machine.nodeId, incarnation: "incarnation-000001", ...fields };
    return {
      type: "hello",
      protocolVersions: [1],
      daemonVersion: "0.1.0",
      features: {},
      capabilities: {},
      journalId: "journal" as JournalId,
      journalSequence: 0,
      runningTurns: [],
      ...who,
      signature:
        fields.signature ??
        sign(null, Buffer.from(helloSigningInput({ ...who, nonce })), machine.privateKey).toString("base64"),
    };
  }
}

/** A proven connection. */
export const connect = async (
  hub: HubEnd,
  machine: Machine,
  more: Partial<FrameOf<"hello">> = {},
): Promise<{ end: DaemonEnd; ack: FrameOf<"hello_ack"> }> => {
  const end = new DaemonEnd(hub.url);
  end.send(await end.hello(machine, more));
  return { end, ack: await end.next("hello_ack") };
};
