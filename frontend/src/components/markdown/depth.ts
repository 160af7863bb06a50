/** Elements inside one another; a browser dies of some thousands when it lays them out. */
const DEPTH = 200;

interface Node {
  children?: Iterable<unknown>;
}

/** Whether there are more levels in a tree than can be shown, be it of elements or of what becomes them. */
export function isTooDeep(root: Node): boolean {
  let level: Node[] = [root];
  for (let depth = 0; depth < DEPTH; depth++) {
    level = level.flatMap(({ children }) => [...((children ?? []) as Iterable<Node>)]);
    if (level.length === 0) return false;
  }
  return true;
}
