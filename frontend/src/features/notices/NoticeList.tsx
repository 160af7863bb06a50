import { useSyncExternalStore } from "react";

import { notices } from "../../stores/notices";

export function NoticeList() {
  const shown = useSyncExternalStore(notices.subscribe, notices.get);
  return (
    <div className="notices" role="status">
      {shown.map(({ id, text, action }) => (
        <p key={id}>
          {text}
          {action && (
            <button
              type="button"
              className="quiet"
              onClick={() => {
                notices.hide(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
        </p>
      ))}
    </div>
  );
}
