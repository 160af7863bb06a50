import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { words } from "../words";
import { ListButton } from "./frame";
import { Title } from "./Title";
import type { PageName } from "../site";

/** The focus comes along to a page that was chosen, and the keys that scroll belong to it: the window itself does not scroll. */
function focusUnlessInside(box: HTMLDivElement | null): void {
  if (box !== null && !box.contains(document.activeElement)) box.focus({ preventScroll: true });
}

interface Props {
  name: PageName;
  /** Instead of the page's own title. */
  title?: string;
  /** A page above this one. */
  back?: { href: string; label: string };
  /** Uses more of a wide screen. */
  isWide?: boolean;
  aside?: ReactNode;
  children: ReactNode;
}

/** A page beside the conversations: its title, one column. */
export function Page({ name, title = words.pages[name], back, isWide = false, aside, children }: Props) {
  return (
    <div className="scrolls" tabIndex={-1} ref={focusUnlessInside}>
      <main className={isWide ? "page wide" : "page"}>
        <Title>{title}</Title>
        <header>
          <ListButton />
          {back && (
            <Link href={back.href} className="button quiet icon" aria-label={back.label} title={back.label}>
              <ArrowLeft aria-hidden className="points" />
            </Link>
          )}
          <h1>{title}</h1>
          {aside}
        </header>
        {children}
      </main>
    </div>
  );
}
