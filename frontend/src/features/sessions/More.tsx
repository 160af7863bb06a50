import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { loadPage, type Part } from "../../api/session-pages";
import { words } from "../../words";
import { rowsOf } from "./focus";

/**
 * The end of what is known of a part of the list: a button that reads the next page. `isScrolled`: it does so by itself when it comes
 * near. The focus goes on to the first entry that is new.
 */
export function More({ part, isScrolled = false }: { part: Part; isScrolled?: boolean }) {
  const queries = useQueryClient();
  const button = useRef<HTMLButtonElement>(null);
  const { mutate, mutateAsync, isPending, error } = useMutation({ mutationFn: () => loadPage(queries, part) });

  useEffect(() => {
    const element = button.current;
    if (element === null || !isScrolled || isPending || error) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) mutate();
      },
      { root: element.closest(".sessions"), rootMargin: "100% 0px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [isScrolled, isPending, error, mutate]);

  return (
    <>
      {error && (
        <p className="problem" role="alert">
          {error.message}
        </p>
      )}
      <button
        ref={button}
        type="button"
        className="quiet more"
        data-row=""
        aria-disabled={isPending}
        onClick={(event) => {
          if (isPending) return;
          const list = event.currentTarget.closest(".sessions");
          const at = rowsOf(list).indexOf(event.currentTarget);
          mutateAsync().then(
            () => requestAnimationFrame(() => rowsOf(list)[at]?.focus()),
            () => undefined, // `error` says it
          );
        }}
      >
        {isPending ? words.sessions.loadingMore : words.sessions.more}
      </button>
    </>
  );
}
