// Liveness: statements on `runtime_node_presence`, each one that decides and writes at once. The clock is the hub's.
import type { NodeHealth, NodeId, SpaceId } from "@muster/contracts";
import { compileStatement, type Statement } from "@muster/store";
import { sql } from "kysely";
import type { Builder } from "./database.ts";

interface Beat {
  readonly spaceId: SpaceId;
  readonly nodeId: NodeId;
  readonly connectionId: string;
  readonly at: string;
  readonly healthState: NodeHealth;
}

/** The node is alive on this connection, whatever was known of it. */
export const connectStatement = (
  builder: Builder,
  { spaceId, nodeId, connectionId, at, healthState }: Beat,
): Statement =>
  compileStatement(
    builder
      .insertInto("runtime_node_presence")
      .values({
        space_id: spaceId,
        node_id: nodeId,
        connection_id: connectionId,
        last_heartbeat_at: at,
        health_state: healthState,
      })
      .onConflict((conflict) =>
        conflict
          .columns(["space_id", "node_id"])
          .doUpdateSet({ connection_id: connectionId, last_heartbeat_at: at, health_state: healthState }),
      ),
  );

/** Writes only where the epoch is the node's newest and presence carries this connection; else it changes no row. */
export const heartbeatStatement = (builder: Builder, beat: Beat & { readonly epoch: number }): Statement =>
  compileStatement(
    builder
      .insertInto("runtime_node_presence")
      .columns(["space_id", "node_id", "connection_id", "last_heartbeat_at", "health_state"])
      .expression((expression) =>
        expression
          .selectFrom("nodes")
          .select([
            "space_id",
            "node_id",
            sql<string>`${beat.connectionId}`.as("connection_id"),
            sql<string>`${beat.at}`.as("last_heartbeat_at"),
            sql<NodeHealth>`${beat.healthState}`.as("health_state"),
          ])
          .where("space_id", "=", beat.spaceId)
          .where("node_id", "=", beat.nodeId)
          .where("epoch", "=", beat.epoch),
      )
      .onConflict((conflict) =>
        conflict
          .columns(["space_id", "node_id"])
          .doUpdateSet({ last_heartbeat_at: beat.at, health_state: beat.healthState })
          .where("runtime_node_presence.connection_id", "=", beat.connectionId),
      ),
  );

/** Demotes only where presence still carries the connection: a late notice never demotes a node that has moved. */
export const disconnectStatement = (
  builder: Builder,
  {
    spaceId,
    nodeId,
    connectionId,
  }: { readonly spaceId: SpaceId; readonly nodeId: NodeId; readonly connectionId: string },
): Statement =>
  compileStatement(
    builder
      .updateTable("runtime_node_presence")
      .set({ health_state: "degraded" })
      .where("space_id", "=", spaceId)
      .where("node_id", "=", nodeId)
      .where("connection_id", "=", connectionId)
      .where("health_state", "=", "online"),
  );

/** Demotes what has been silent too long, and returns the rows it changed; both branches walk the index on health and time. */
export const sweepStatement = (
  builder: Builder,
  cutoffs: { readonly degradedBefore: string; readonly offlineBefore: string },
): Statement =>
  compileStatement(
    builder
      .updateTable("runtime_node_presence")
      .set({
        health_state: sql<NodeHealth>`CASE WHEN last_heartbeat_at < ${cutoffs.offlineBefore} THEN 'offline' ELSE 'degraded' END`,
      })
      .where((where) =>
        where.or([
          where.and([where("health_state", "=", "online"), where("last_heartbeat_at", "<", cutoffs.degradedBefore)]),
          where.and([where("health_state", "=", "degraded"), where("last_heartbeat_at", "<", cutoffs.offlineBefore)]),
        ]),
      )
      .returning(["space_id", "node_id"]),
    { returning: true },
  );
