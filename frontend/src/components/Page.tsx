import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { pathOf, type PageName } from "../site";
import { words } from "../words";
import { Title } from "./Title";

/** The keys that scroll belong to the page at once: the window itself does not scroll. */
function focusUnlessElsewhere(box: HTMLDivElement | null): void {
  if (document.activeElement === document.body) box?.focus({ preventScroll: true });
}

/** A page beside the conversations: its title, a way back, one column. */
export function Page({ name, aside, children }: { name: PageName; aside?: ReactNode; children: ReactNode }) {
  const title = words.pages[name];
  return (
    <div className="scrolls" tabIndex={-1} ref={focusUnlessElsewhere}>
      <main className="page">
        <Title>{title}</Title>
        <header>
          <Link
            href={pathOf("studio")}
            className="button quiet icon"
            aria-label={words.navigation.back}
            title={words.navigation.back}
          >
            <ArrowLeft aria-hidden />
          </Link>
          <h1>{title}</h1>
          {aside}
        </header>
        {children}
      </main>
    </div>
  );
}
