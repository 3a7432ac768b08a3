// Branded ids. An id is minted at its source as a UUIDv7 and is opaque to everyone else.
// The alphabet fits every place an id travels to: URLs, git refs, mesh subjects, file names.
// A provider's own ids have their own brands, so ours and theirs can never be assigned to each other.
import { z } from "zod";
import { namingText, storableText } from "./text.ts";

/** Longest id a client may choose. */
export const ID_MAX_CHARACTERS = 64;
/** Longest id that an agent's protocol may hand us; stored, never used as a key of ours. */
export const PROVIDER_ID_MAX_CHARACTERS = 256;

const ownId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "an id has 1 to 64 of the characters A-Z a-z 0-9 _ -");
const foreignId = z.string().min(1).max(PROVIDER_ID_MAX_CHARACTERS).overwrite(storableText);

export const SpaceId = ownId.brand<"SpaceId">();
export type SpaceId = z.infer<typeof SpaceId>;
export const PrincipalId = ownId.brand<"PrincipalId">();
export type PrincipalId = z.infer<typeof PrincipalId>;
export const SessionId = ownId.brand<"SessionId">();
export type SessionId = z.infer<typeof SessionId>;
export const ProjectId = ownId.brand<"ProjectId">();
export type ProjectId = z.infer<typeof ProjectId>;
export const ThreadId = ownId.brand<"ThreadId">();
export type ThreadId = z.infer<typeof ThreadId>;
export const TurnId = ownId.brand<"TurnId">();
export type TurnId = z.infer<typeof TurnId>;
export const MessageId = ownId.brand<"MessageId">();
export type MessageId = z.infer<typeof MessageId>;
export const CommandId = ownId.brand<"CommandId">();
export type CommandId = z.infer<typeof CommandId>;
export const EventId = ownId.brand<"EventId">();
export type EventId = z.infer<typeof EventId>;
export const EffectId = ownId.brand<"EffectId">();
export type EffectId = z.infer<typeof EffectId>;
export const ApprovalRequestId = ownId.brand<"ApprovalRequestId">();
export type ApprovalRequestId = z.infer<typeof ApprovalRequestId>;
export const AttachmentId = ownId.brand<"AttachmentId">();
export type AttachmentId = z.infer<typeof AttachmentId>;
export const JournalId = ownId.brand<"JournalId">();
export type JournalId = z.infer<typeof JournalId>;
export const ProviderSessionId = ownId.brand<"ProviderSessionId">();
export type ProviderSessionId = z.infer<typeof ProviderSessionId>;

/** A git ref below `refs/muster/checkpoints/`. */
export const CheckpointRef = z
  .string()
  .max(256)
  .regex(/^refs\/muster\/checkpoints\/[A-Za-z0-9_-]+\/[A-Za-z0-9_/-]+$/)
  .brand<"CheckpointRef">();
export type CheckpointRef = z.infer<typeof CheckpointRef>;

/** A machine's stable name inside a space: opaque, 1 to 256 characters of storable text, not blank. */
export const NodeId = namingText
  .min(1)
  .max(256)
  .refine((value) => value.trim() !== "", "a nodeId is not blank")
  .brand<"NodeId">();
export type NodeId = z.infer<typeof NodeId>;

export const ProviderThreadId = foreignId.brand<"ProviderThreadId">();
export type ProviderThreadId = z.infer<typeof ProviderThreadId>;
export const ProviderTurnId = foreignId.brand<"ProviderTurnId">();
export type ProviderTurnId = z.infer<typeof ProviderTurnId>;
export const ProviderItemId = foreignId.brand<"ProviderItemId">();
export type ProviderItemId = z.infer<typeof ProviderItemId>;

/** The store's random generation: new after a restore or a failover that may lack commits. */
export const Generation = ownId.brand<"Generation">();
export type Generation = z.infer<typeof Generation>;
