import { words } from "../words";
import { Dialog } from "./Dialog";

/** Asks once before something that cannot be undone. */
export function Confirm({
  title,
  text,
  does,
  onYes,
  onClose,
}: {
  title: string;
  text: string;
  does: string;
  onYes: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <footer className="buttons">
        <button type="button" onClick={onClose}>
          {words.common.cancel}
        </button>
        <button type="button" className="danger" onClick={onYes}>
          {does}
        </button>
      </footer>
    </Dialog>
  );
}
