import { Wrench } from "lucide-react";

import type { FoldedCall } from "../../protocol/fold";
import { words } from "../../words";

/** What the model wants to have called; the arguments are closed until somebody wants to see them. */
export function ToolCalls({ calls }: { calls: FoldedCall[] }) {
  return calls.map((call, at) => (
    <details key={at} className="tool-call">
      <summary>
        <Wrench aria-hidden /> {words.thread.toolCall(call.name)}
      </summary>
      <pre tabIndex={0}>{readable(call.arguments)}</pre>
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
