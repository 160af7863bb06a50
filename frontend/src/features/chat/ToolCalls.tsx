import { Wrench } from "lucide-react";

import { words } from "../../words";
import type { Called } from "./seen";

/** What the model wanted to have called, and what came of it; closed until somebody wants to see it. */
export function ToolCalls({ calls }: { calls: Called[] }) {
  return calls.map((call, at) => (
    <details key={at} className="tool-call">
      <summary>
        <Wrench aria-hidden /> {words.thread.toolCall(call.name)}
      </summary>
      <pre tabIndex={0}>{readable(call.arguments)}</pre>
      {call.result !== null && (
        <>
          <p className="muted">{words.thread.toolResult}</p>
          <pre tabIndex={0}>{readable(call.result)}</pre>
        </>
      )}
    </details>
  ));
}

/** JSON over several lines; what is not JSON (yet) as it is. */
function readable(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
