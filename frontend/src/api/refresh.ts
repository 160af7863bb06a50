import type { QueryClient, QueryKey } from "@tanstack/react-query";

/**
 * Reads again what is in sight under these keys, now that it has changed. An answer that is on its way may be older than the change, and
 * does not count as the new one. (`invalidateQueries` alone joins a first request that was not answered yet, and forgets the change.)
 */
export async function refresh(queries: QueryClient, ...keys: QueryKey[]): Promise<void> {
  await Promise.all(
    keys.map((queryKey) => {
      const first = queries
        .getQueryCache()
        .findAll({ queryKey, fetchStatus: "fetching", predicate: ({ state }) => state.data === undefined });
      for (const query of first) void query.cancel({ revert: true, silent: true }); // whoever waits for it gets the next answer
      return queries.invalidateQueries({ queryKey });
    }),
  );
}

/** The same for a page that nobody looks at: it is read when somebody does. */
export async function outdate(queries: QueryClient, queryKey: QueryKey): Promise<void> {
  const mark = (): Promise<void> => queries.invalidateQueries({ queryKey, refetchType: "none" });
  const onTheirWay = queries.getQueryCache().findAll({ queryKey, fetchStatus: "fetching" });
  await mark();
  for (const query of onTheirWay) {
    query.fetch().then(mark, mark); // its answer takes the mark away
  }
}
