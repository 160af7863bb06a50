/** The code of a room, as people type it. */

const GROUP = 4;
const LONGEST = 16;

/** In capitals and groups of four, whatever was typed between them: `k7qf 2m9x` is `K7QF-2M9X`. */
export function asCode(typed: string): string {
  const letters = typed
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "")
    .slice(0, LONGEST);
  return (letters.match(new RegExp(`.{1,${GROUP}}`, "g")) ?? []).join("-");
}
