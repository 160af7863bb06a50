/** Marks a message that the model is not told any more. */
export function LeftOut() {
  return (
    <p className="left-out" title="It was refused as too long, or by a content filter; sending it again would fail again.">
      Left out: the model no longer sees this message
    </p>
  );
}
