import { useQueryClient } from "@tanstack/react-query";
import { Component, type ReactNode } from "react";

import { words } from "../words";

interface Props {
  /** What is shown; when it becomes something else, showing it is tried again. */
  of?: unknown;
  fallback: ReactNode | ((again: () => void) => ReactNode);
  children: ReactNode;
}

/** What cannot be shown takes nothing else with it: the fallback stands in its place. */
export class Boundary extends Component<Props, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true };
  }

  override componentDidUpdate(before: Props): void {
    if (this.state.hasFailed && before.of !== this.props.of) this.again();
  }

  override render(): ReactNode {
    const { fallback, children } = this.props;
    if (!this.state.hasFailed) return children;
    return typeof fallback === "function" ? fallback(this.again) : fallback;
  }

  private readonly again = (): void => this.setState({ hasFailed: false });
}

/** A part of the page, with the rest kept usable when it cannot be shown. Trying again asks the gateway again, too. */
export function Panel({ part, of, children }: { part: keyof typeof words.broken; of?: unknown; children: ReactNode }) {
  const queries = useQueryClient();
  return (
    <Boundary
      of={of}
      fallback={(again) => (
        <div className="broken" role="alert">
          <p className="problem">{words.broken[part]}</p>
          <button type="button" onClick={() => void queries.refetchQueries({ type: "active" }).finally(again)}>
            {words.common.tryAgain}
          </button>
        </div>
      )}
    >
      {children}
    </Boundary>
  );
}
