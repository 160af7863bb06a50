import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useLocation, useSearch } from "wouter";

import { answered, api } from "../../api/http";
import { health } from "../../api/queries";
import { signedIn } from "./account";
import { ownPath } from "./destination";

/** Sign in, or make an account and be signed in. */
export function SignIn() {
  const [isNew, setNew] = useState(false);
  const [, navigate] = useLocation();
  const to = ownPath(new URLSearchParams(useSearch()).get("to") ?? "/");
  const queries = useQueryClient();
  const gateway = useQuery(health);
  const enter = useMutation({
    mutationFn: async (account: { email: string; password: string }) => {
      if (isNew) await answered(api.POST("/api/auth/register", { body: account }));
      await answered(api.POST("/api/auth/login", { body: account }));
    },
    onSuccess: (_nothing, { email }) => {
      queries.clear();
      if (signedIn.begin(email.trim().toLowerCase())) location.assign(to);
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
      <title>Sign in · LAM Studio</title>
      <h1>LAM Studio</h1>
      <p className="muted">Chat with a model that runs here, and see its words as they are produced.</p>
      <form className="sign-in" onSubmit={submit}>
        <label>
          E-mail
          <input name="email" type="email" required autoComplete="username" autoFocus />
        </label>
        <label>
          Password
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
          {isNew ? "Make account" : "Sign in"}
        </button>
      </form>
      {gateway.data?.registration === "closed" ? (
        <p className="muted">Whoever runs this gateway makes the accounts.</p>
      ) : (
        <button
          type="button"
          className="quiet"
          onClick={() => {
            setNew(!isNew);
            enter.reset();
          }}
        >
          {isNew ? "I have an account" : "Make an account"}
        </button>
      )}
    </main>
  );
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
