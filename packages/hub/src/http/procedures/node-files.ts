// The procedures of looking into a machine. A caller who leaves takes the question back.
import type { NodeFiles } from "../../ports.ts";
import { builder, callerOf } from "../builder.ts";

export const nodeFileProcedures = ({ nodeFiles }: { readonly nodeFiles: NodeFiles }) => ({
  tree: builder.node.files.tree.handler(({ input, context, signal }) =>
    nodeFiles.tree(callerOf(context), input, signal),
  ),
  read: builder.node.files.read.handler(({ input, context, signal }) =>
    nodeFiles.read(callerOf(context), input, signal),
  ),
});
