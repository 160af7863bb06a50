/** A text that could not be shown as it was meant, as it was written. */
export function AsWritten({ text }: { text: string }) {
  return (
    <p className="as-written" dir="auto">
      {text}
    </p>
  );
}
