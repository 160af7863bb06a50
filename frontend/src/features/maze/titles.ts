import type { Game } from "../../api/maze";
import type { ListedGame, MazeSetAnswer } from "../../api/schema";
import { words } from "../../words";

/** *Small, maze 3* */
export function titleOf(
  { set, maze, seed }: Pick<Game, "set" | "maze" | "seed">,
  sets: readonly MazeSetAnswer[] | undefined,
): string {
  if (set === null) return words.maze.seedTitle(seed);
  return words.maze.title(sets?.find(({ name }) => name === set)?.title ?? set, maze ?? 0);
}

/** *842 points*, or how else it stands. */
export function stateText({ status, score }: Pick<ListedGame, "status" | "score">): string {
  return status === "won" ? words.maze.score(score ?? 0) : words.maze.states[status];
}

/** *You play · no prompt · tiny-1b* */
export function aboutOf({ mine, mode, template_id, template_title, template_version, prompt, model }: Game): string {
  const { maze } = words;
  const source =
    template_title !== null
      ? maze.withTemplate(template_title, template_version)
      : prompt
        ? maze.withOwnPrompt
        : template_id === null
          ? maze.withoutPrompt
          : maze.privatePrompt;
  return [mine ? maze.modes[mode] : maze.modes.watch, source, model].filter(Boolean).join(" · ");
}
