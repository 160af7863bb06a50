import { useRef, type ReactNode, type RefObject } from "react";

/** A button that asks for a file. */
export function FileButton({
  label,
  what,
  accept,
  disabled,
  onFile,
}: {
  label: string;
  what: string;
  accept: string;
  disabled: boolean;
  onFile: (file: File) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => field.current?.click()}>
        {label}
      </button>
      <Field field={field} what={what} accept={accept} onFiles={([file]) => file && onFile(file)} />
    </>
  );
}

/** A button with an icon that asks for files, or with `camera` for a photograph. `hint`: its tooltip, where the label says less. */
export function FilesButton({
  label,
  hint = label,
  accept,
  camera = false,
  onFiles,
  children,
}: {
  label: string;
  hint?: string;
  accept: string | undefined;
  camera?: boolean;
  onFiles: (files: readonly File[]) => void;
  children: ReactNode;
}) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className={camera ? "quiet icon camera" : "quiet icon"}
        title={hint}
        aria-label={label}
        onClick={() => field.current?.click()}
      >
        {children}
      </button>
      <Field field={field} accept={accept} multiple={!camera} {...(camera && { capture: "environment" })} onFiles={onFiles} />
    </>
  );
}

function Field({
  field,
  what,
  onFiles,
  ...kinds
}: {
  field: RefObject<HTMLInputElement | null>;
  what?: string;
  accept: string | undefined;
  multiple?: boolean;
  capture?: "environment";
  onFiles: (files: readonly File[]) => void;
}) {
  return (
    <input
      ref={field}
      type="file"
      hidden
      aria-label={what}
      {...kinds}
      onChange={(event) => {
        onFiles([...(event.currentTarget.files ?? [])]);
        event.currentTarget.value = "";
      }}
    />
  );
}
