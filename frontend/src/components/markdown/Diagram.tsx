import { useState, type ReactNode } from "react";

import { words } from "../../words";
import { drawn, TooSlow, type Drawing } from "./drawing";

type State = Drawing | "waiting" | { problem: string } | null;

/** What draws a text of Mermaid, as a button for its caption, and the drawing or why there is none. */
export function useDiagram(text: string): { button: ReactNode; drawing: ReactNode } {
  const [state, setState] = useState<State>(null);
  const draw = async (): Promise<void> => {
    setState("waiting");
    try {
      setState(await drawn(text));
    } catch (problem) {
      const said = problem instanceof TooSlow ? words.markdown.diagramTooSlow : problem instanceof Error ? problem.message : "";
      setState({ problem: words.markdown.noDiagram(said) });
    }
  };
  const isWaiting = state === "waiting";
  return {
    button: (
      <button type="button" className="quiet" disabled={isWaiting} onClick={() => void draw()}>
        {isWaiting ? words.markdown.drawing : words.markdown.draw}
      </button>
    ),
    drawing: state !== null && state !== "waiting" && <Shown state={state} />,
  };
}

function Shown({ state }: { state: Drawing | { problem: string } }) {
  if ("problem" in state)
    return (
      <p className="problem" role="alert">
        <bdi>{state.problem}</bdi>
      </p>
    );
  const { source, width, height, isDark } = state;
  return (
    <div className={isDark ? "diagram dark" : "diagram"}>
      <img src={source} width={width} height={height} alt={words.markdown.diagram} />
    </div>
  );
}
