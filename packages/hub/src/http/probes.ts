// Probes for whatever watches the process: alive, and able to serve. They tell nothing that needs a login.

/** Named checks; each resolves when its part works and rejects when it does not. */
export type Readiness = Readonly<Record<string, () => Promise<unknown>>>;

export interface ReadinessAnswer {
  readonly status: "ok" | "failing";
  readonly checks: Readonly<Record<string, "ok" | "failing">>;
}

const within = async (work: () => Promise<unknown>, timeoutMs: number): Promise<"ok" | "failing"> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"failing">((resolve) => {
    timer = setTimeout(() => resolve("failing"), timeoutMs);
  });
  try {
    return await Promise.race([
      Promise.resolve()
        .then(work)
        .then(
          () => "ok" as const,
          () => "failing" as const,
        ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
};

/** Runs the checks side by side; one that takes longer than `timeoutMs` fails. */
export const checkReadiness = async (readiness: Readiness, timeoutMs: number): Promise<ReadinessAnswer> => {
  const checks = Object.fromEntries(
    await Promise.all(
      Object.entries(readiness).map(async ([name, check]) => [name, await within(check, timeoutMs)] as const),
    ),
  );
  return { status: Object.values(checks).includes("failing") ? "failing" : "ok", checks };
};
