import { useRef } from "react";

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
      <input
        ref={field}
        type="file"
        hidden
        accept={accept}
        aria-label={what}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) onFile(file);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
