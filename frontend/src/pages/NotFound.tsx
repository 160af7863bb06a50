import { Link } from "wouter";

import { ListButton } from "../components/frame";
import { Title } from "../components/Title";
import { pathOf } from "../site";
import { words } from "../words";

export function NotFound() {
  return (
    <main className="centred">
      <ListButton />
      <Title>{words.failure.notFoundTitle}</Title>
      <h1>{words.failure.notFoundTitle}</h1>
      <p>{words.failure.notFound}</p>
      <Link href={pathOf("studio")}>{words.navigation.back}</Link>
    </main>
  );
}
