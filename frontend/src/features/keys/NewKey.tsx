import { useQuery } from "@tanstack/react-query";
import { useLayoutEffect, useRef, type SubmitEvent } from "react";

import { models } from "../../api/queries";
import type { NewKeyBody } from "../../api/schema";
import { CopyButton } from "../../components/CopyButton";
import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { LimitFields } from "./LimitFields";
import { endOf, limitsIn, TERMS, useMakeKey } from "./keys";

const SCOPES = ["chat", "embeddings", "models"] as const;

/** Makes a key, and shows it this once. */
export function NewKey({ onClose }: { onClose: () => void }) {
  const make = useMakeKey();
  return (
    <Dialog title={make.data ? words.keys.madeTitle : words.keys.create} onClose={onClose}>
      {make.data ? (
        <Made secret={make.data.secret} onClose={onClose} />
      ) : (
        <Fields error={make.error} isPending={make.isPending} onMake={make.mutate} />
      )}
    </Dialog>
  );
}

interface FieldsProps {
  error: Error | null;
  isPending: boolean;
  onMake: (key: NewKeyBody) => void;
}

function Fields({ error, isPending, onMake }: FieldsProps) {
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    onMake(keyIn(new FormData(event.currentTarget)));
  };
  return (
    <form className="fields" onSubmit={submit}>
      <label>
        {words.keys.name}
        <input name="name" required maxLength={80} autoComplete="off" />
      </label>
      <fieldset>
        <legend>{words.keys.uses}</legend>
        {SCOPES.map((scope) => (
          <label key={scope} className="check">
            <input type="checkbox" name="scope" value={scope} defaultChecked />
            {words.keys.scopes[scope]}
          </label>
        ))}
      </fieldset>
      <Models />
      <label>
        {words.keys.expires}
        <select name="days">
          {TERMS.map((days) => (
            <option key={days} value={days}>
              {words.keys.terms(days)}
            </option>
          ))}
        </select>
      </label>
      <LimitFields of={null} hint={words.keys.limitsHint} />
      <Problem of={error} />
      <button type="submit" className="primary" disabled={isPending}>
        {words.keys.make}
      </button>
    </form>
  );
}

/** The models that the key may use; a choice only where there are several. */
function Models() {
  const { data } = useQuery(models);
  if (data === undefined || data.models.length < 2) return null;
  return (
    <fieldset>
      <legend>{words.keys.models}</legend>
      <p className="muted">{words.keys.modelsHint}</p>
      {data.models.map(({ name }) => (
        <label key={name} className="check">
          <input type="checkbox" name="model" value={name} />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

/** The dialog stays the same, so the focus has to be led on. */
function Made({ secret, onClose }: { secret: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <div className="fields">
      <p role="status">{words.keys.made}</p>
      <div className="secret">
        <input
          ref={field}
          readOnly
          dir="ltr"
          aria-label={words.keys.madeTitle}
          value={secret}
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton text={secret} label={words.keys.copy} />
      </div>
      <footer className="buttons">
        <button type="button" className="primary" onClick={onClose}>
          {words.keys.done}
        </button>
      </footer>
    </div>
  );
}

function keyIn(fields: FormData): NewKeyBody {
  const chosen = fields.getAll("model").filter((name) => typeof name === "string");
  const name = fields.get("name");
  return {
    name: typeof name === "string" ? name : "",
    scopes: SCOPES.filter((scope) => fields.getAll("scope").includes(scope)),
    models: chosen.length === 0 ? null : chosen,
    expires_at: endOf(Number(fields.get("days"))),
    budget: limitsIn(fields),
  };
}
