import { Link } from "wouter";

import { ListButton } from "../components/frame";
import { useIsGuest } from "../components/guest";
import { Title } from "../components/Title";
import { pathOf } from "../site";
import { words } from "../words";

/** Whoever sits here was in a conversation and is no longer. */
export function Removed() {
  const isGuest = useIsGuest();
  return (
    <main className="centred">
      <ListButton />
      <Title>{words.together.removedTitle}</Title>
      <h1 tabIndex={-1} ref={(title) => title?.focus()}>
        {words.together.removedTitle}
      </h1>
      <p>{words.together.removedText}</p>
      {!isGuest && <Link href={pathOf("studio")}>{words.navigation.back}</Link>}
    </main>
  );
}
