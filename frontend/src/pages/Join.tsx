import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, Redirect } from "wouter";

import { health } from "../api/queries";
import { Title } from "../components/Title";
import { JoinSession } from "../features/together/JoinSession";
import { pathOf, roomPath } from "../site";
import { words } from "../words";

/** The code of a room, which is shorter than the secret of a link. */
const CODE = /^[a-z0-9]{4}(?:-?[a-z0-9]{4}){1,3}$/i;

/** Where a link leads that lets somebody into a session. The secret stands behind the `#`, which no browser sends anywhere. */
export function Join() {
  const [secret] = useState(() => location.hash.slice(1)); // it is taken out of the address once it was used
  const gateway = useQuery({ ...health, enabled: secret === "" });
  if (CODE.test(secret)) return <Redirect to={`${roomPath("join")}#${secret}`} replace />;
  if (secret === "" && gateway.data?.rooms === true) return <Redirect to={roomPath("join")} replace />; // the code is typed there
  if (secret === "" && gateway.isPending) return null;
  return (
    <main className="centred">
      <Title>{words.pages.join}</Title>
      {secret === "" ? (
        <>
          <h1>{words.together.noLink}</h1>
          <p>{words.together.noLinkText}</p>
          <Link href={pathOf("studio")}>{words.navigation.back}</Link>
        </>
      ) : (
        <JoinSession secret={secret} />
      )}
    </main>
  );
}
