// What a projector says: changes of rows as data. One interpreter runs them in SQL inside the transaction of the
// append, another in memory in a browser; both give the same rows.
import type {
  ActivityRow,
  ApprovalRow,
  CheckpointRow,
  MessageRow,
  ProjectRow,
  ThreadRow,
  ThreadSessionRow,
  TurnRow,
} from "@muster/contracts";

/** Rows of each projection table, without `spaceId`, which the interpreter adds to every key. */
export interface ProjectionRows {
  projection_projects: ProjectRow;
  projection_threads: ThreadRow;
  projection_thread_messages: MessageRow;
  projection_thread_activities: ActivityRow;
  projection_thread_sessions: ThreadSessionRow;
  projection_thread_turns: TurnRow;
  projection_checkpoints: CheckpointRow;
  projection_pending_approvals: ApprovalRow;
}
export type ProjectionTable = keyof ProjectionRows;

/** Columns that tell one row of a table from another, beside `spaceId`. */
export const PROJECTION_KEYS = {
  projection_projects: ["projectId"],
  projection_threads: ["threadId"],
  projection_thread_messages: ["messageId"],
  projection_thread_activities: ["activityId"],
  projection_thread_sessions: ["threadId"],
  projection_thread_turns: ["turnId"],
  projection_checkpoints: ["threadId", "checkpointTurnCount"],
  projection_pending_approvals: ["requestId"],
} as const satisfies { [Table in ProjectionTable]: readonly (keyof ProjectionRows[Table])[] };

/** A row's key as one text, for maps. */
export const rowKey = (table: ProjectionTable, row: Readonly<Record<string, unknown>>): string => {
  const [first, second] = PROJECTION_KEYS[table] as readonly string[];
  const key = String(row[first as string]);
  return second === undefined ? key : `${key}\0${String(row[second])}`;
};

export const PROJECTION_TABLES = Object.keys(PROJECTION_KEYS) as readonly ProjectionTable[];

/** Columns that hold JSON; their SQL name ends in `_json`. */
export const PROJECTION_JSON_COLUMNS: {
  readonly [Table in ProjectionTable]: readonly (keyof ProjectionRows[Table] & string)[];
} = {
  projection_projects: ["scripts"],
  projection_threads: [],
  projection_thread_messages: ["attachments"],
  projection_thread_activities: ["payload"],
  projection_thread_sessions: [],
  projection_thread_turns: [],
  projection_checkpoints: ["files"],
  projection_pending_approvals: ["payload"],
};

/** A column equal to a value, or to one of several. */
export type Where<RowShape> = { readonly [Column in keyof RowShape]?: RowShape[Column] | readonly RowShape[Column][] };

type OperationOn<Table extends ProjectionTable, RowShape = ProjectionRows[Table]> =
  /** A new row; `replace` names the columns that are overwritten where the key exists already. Without it the key must be new. */
  | {
      readonly operation: "insert";
      readonly table: Table;
      readonly row: RowShape;
      readonly replace?: readonly (keyof RowShape & string)[];
    }
  /** Sets columns of all rows that match; none matching is no error. */
  | {
      readonly operation: "update";
      readonly table: Table;
      readonly where: Where<RowShape>;
      readonly set: Partial<RowShape>;
    }
  /** Removes all rows that match, and, with `above`, whose column is greater. */
  | {
      readonly operation: "remove";
      readonly table: Table;
      readonly where: Where<RowShape>;
      readonly above?: { readonly column: keyof RowShape & string; readonly value: number };
    };

export type RowOperation =
  | { [Table in ProjectionTable]: OperationOn<Table> }[ProjectionTable]
  /** Adds text at the end of a message and sets its other columns. */
  | {
      readonly operation: "append-text";
      readonly table: "projection_thread_messages";
      readonly where: Pick<MessageRow, "messageId">;
      readonly text: string;
      readonly set: Partial<MessageRow>;
    };
