import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { models } from "../../api/queries";
import type { FolderAnswer } from "../../api/schema";
import { Dialog } from "../../components/Dialog";
import { words } from "../../words";
import { useSaveFolder } from "./folders";

/** A new folder, or one that is changed: its name, and what new conversations in it start with. */
export function FolderForm({
  folder,
  name: begun = "",
  onSaved,
  onClose,
}: {
  folder: FolderAnswer | null;
  name?: string;
  onSaved?: (folder: FolderAnswer) => void;
  onClose: () => void;
}) {
  const [name, setName] = useState(folder?.name ?? begun);
  const [model, setModel] = useState(folder?.model ?? "");
  const [prompt, setPrompt] = useState(folder?.system_prompt ?? "");
  const known = useQuery(models);
  const save = useSaveFolder(folder?.id ?? null);
  const names = known.data?.models.map((one) => one.name) ?? [];
  return (
    <Dialog title={folder === null ? words.folders.new : words.folders.edit} onClose={onClose}>
      <form
        className="fields"
        onSubmit={(event) => {
          event.preventDefault();
          if (save.isPending || name.trim() === "") return;
          const values = { name: name.trim(), model: model || null, system_prompt: prompt || null };
          save.mutate(values, {
            onSuccess: (saved) => {
              onSaved?.(saved);
              onClose();
            },
          });
        }}
      >
        <label>
          {words.folders.name}
          <input
            dir="auto"
            required
            maxLength={80}
            value={name}
            onFocus={(event) => event.currentTarget.select()}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p className="muted">{words.folders.startsWith}</p>
        <label>
          {words.options.model}
          <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
            <option value="">{words.options.defaultModel(known.data?.default ?? null)}</option>
            {names.map((one) => (
              <option key={one}>{one}</option>
            ))}
            {model !== "" && known.data && !names.includes(model) && (
              <option value={model}>{words.options.modelUnavailable(model)}</option>
            )}
          </select>
        </label>
        <label>
          {words.options.systemPrompt}
          <textarea
            dir="auto"
            rows={4}
            maxLength={100_000}
            value={prompt}
            placeholder={words.options.systemPromptHint}
            onChange={(event) => setPrompt(event.currentTarget.value)}
          />
        </label>
        {save.error && (
          <p className="problem" role="alert">
            {save.error.message}
          </p>
        )}
        <footer className="buttons">
          <button type="button" onClick={onClose}>
            {words.common.cancel}
          </button>
          <button type="submit" className="primary">
            {folder === null ? words.folders.create : words.folders.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
