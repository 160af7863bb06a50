import { Presentation, SmilePlus } from "lucide-react";

import type { MessageAnswer } from "../../api/schema";
import { Menu } from "../../components/Menu";
import { words } from "../../words";
import { useIsShared, useMaySteer } from "./company";
import type { SessionActions } from "./session-actions";

/** What people feel about a message; where several are there, each may say so. */
export function Reactions({ message, actions }: { message: MessageAnswer; actions: SessionActions }) {
  const isShared = useIsShared();
  const { reactions } = message;
  const named = Object.entries(words.together.reactWith);
  const nameOf = (emoji: string): string => words.together.reactWith[emoji] ?? emoji;
  const isMine = (emoji: string): boolean => reactions.some((one) => one.emoji === emoji && one.mine);
  if (!isShared && reactions.length === 0) return null;
  return (
    <>
      {reactions.map(({ emoji, count, mine }) => (
        <button
          key={emoji}
          type="button"
          className="reaction"
          aria-pressed={mine}
          aria-label={words.together.reactionOf(nameOf(emoji), count)}
          title={nameOf(emoji)}
          onClick={() => void actions.react(message, emoji, !mine)}
        >
          {emoji} {words.format.number(count)}
        </button>
      ))}
      {isShared && (
        <Menu
          label={words.together.react}
          icon={<SmilePlus aria-hidden />}
          items={named.map(([emoji, name]) => ({
            label: `${emoji} ${name}`,
            checked: isMine(emoji),
            run: () => void actions.react(message, emoji, !isMine(emoji)),
          }))}
        />
      )}
    </>
  );
}

/** Everybody's page goes to this message. */
export function FollowMe({ message, actions }: { message: MessageAnswer; actions: SessionActions }) {
  const isShared = useIsShared();
  const maySteer = useMaySteer();
  if (!isShared || !maySteer) return null;
  return (
    <button
      type="button"
      className="quiet icon"
      title={words.together.followHint}
      aria-label={words.together.follow}
      onClick={() => void actions.lead(message)}
    >
      <Presentation aria-hidden />
    </button>
  );
}
