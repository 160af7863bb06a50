import { useCallback, useMemo, useRef, useState, type ReactNode } from "react";
import { useRoute } from "wouter";

import { Panel } from "../components/Boundary";
import { FrameContext } from "../components/frame";
import { AccountMenu } from "../features/account/AccountMenu";
import { SessionList } from "../features/sessions/SessionList";
import { words } from "../words";

/** What stands around every page: the conversations and the other pages at its side, and a way past them. */
export function Frame({ children }: { children: ReactNode }) {
  const [isListOpen, setListOpen] = useState(false);
  const state = useMemo(() => ({ isListOpen, setListOpen }), [isListOpen]);
  const close = useCallback(() => setListOpen(false), []);
  const content = useRef<HTMLDivElement>(null);
  const [isSession, session] = useRoute("/c/:id");
  return (
    <FrameContext value={state}>
      <div className="frame" data-list={isListOpen ? "open" : undefined}>
        <button type="button" className="skip" onClick={() => content.current?.focus()}>
          {words.navigation.skip}
        </button>
        <aside className="side" aria-label={words.studio.side}>
          <Panel part="conversations">
            <SessionList shown={isSession ? Number(session.id) : null} onChosen={close} />
          </Panel>
          <Panel part="account">
            <AccountMenu onChosen={close} />
          </Panel>
        </aside>
        <div className="content" tabIndex={-1} ref={content}>
          {children}
        </div>
      </div>
    </FrameContext>
  );
}
