import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useLocation, useSearch } from "wouter";

import { addressOf } from "../../base";
import { answered, api } from "../../api/http";
import { health } from "../../api/queries";
import { Title } from "../../components/Title";
import { words } from "../../words";
import { signedIn } from "./account";
import { ownPath } from "./destination";

/** Sign in, or make an account and be signed in. */
export function SignIn() {
  const [isNew, setNew] = useState(false);
  const [, navigate] = useLocation();
  const to = ownPath(new URLSearchParams(useSearch()).get("to") ?? "/") + location.hash; // a link's secret stays behind the #
  const queries = useQueryClient();
  const gateway = useQuery(health);
  const enter = useMutation({
    mutationFn: async (account: { email: string; password: string }) => {
      if (isNew) await answered(api.POST("/api/auth/register", { body: account }));
      await answered(api.POST("/api/auth/login", { body: account }));
    },
    onSuccess: (_nothing, { email }) => {
      queries.clear();
      if (signedIn.begin(email.trim().toLowerCase())) location.assign(addressOf(to));
      else navigate(to, { replace: true });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    enter.mutate({ email: text(form, "email"), password: text(form, "password") });
  };
  return (
    <main className="centred">
      <Title>{words.pages.signIn}</Title>
      <h1>{words.common.product}</h1>
      <p className="muted">{words.signIn.welcome}</p>
      <form className="sign-in" onSubmit={submit}>
        <label>
          {words.common.email}
          <input name="email" type="email" required autoComplete="username" autoFocus />
        </label>
        <label>
          {words.common.password}
          <input
            name="password"
            type="password"
            required
            minLength={8}
            autoComplete={isNew ? "new-password" : "current-password"}
          />
        </label>
        {enter.error && (
          <p role="alert" className="problem">
            {enter.error.message}
          </p>
        )}
        <button type="submit" className="primary" disabled={enter.isPending}>
          {isNew ? words.signIn.create : words.signIn.submit}
        </button>
      </form>
      {gateway.data?.registration === "closed" ? (
        <p className="muted">{words.signIn.closed}</p>
      ) : (
        <div className="sign-in-other">
          <p className="muted">{isNew ? words.signIn.hasAccount : words.signIn.isNew}</p>
          <button
            type="button"
            onClick={() => {
              setNew(!isNew);
              enter.reset();
            }}
          >
            {isNew ? words.signIn.toSignIn : words.signIn.toCreate}
          </button>
        </div>
      )}
    </main>
  );
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
