/** What went wrong with something, if anything did. */
export function Problem({ of }: { of: Error | null }) {
  return (
    of && (
      <p className="problem" role="alert">
        {of.message}
      </p>
    )
  );
}
