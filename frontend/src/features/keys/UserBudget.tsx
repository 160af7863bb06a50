import { useQuery } from "@tanstack/react-query";

import { Dialog } from "../../components/Dialog";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { Limits } from "./Limits";
import { userBudget } from "./keys";

/** The budget of somebody's account, for an admin. */
export function UserBudget({ user, name, onClose }: { user: number; name: string; onClose: () => void }) {
  const { data, error } = useQuery(userBudget(user));
  const title = words.budget.titleOf(name);
  if (data === undefined)
    return (
      error && (
        <Dialog title={title} onClose={onClose}>
          <Problem of={error} />
        </Dialog>
      )
    );
  return <Limits title={title} hint={words.budget.ownHint} of={{ user }} now={data.own} usual onClose={onClose} />;
}
