import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { mazeSets } from "../../api/maze";
import { labSets, models, templates } from "../../api/queries";
import { Problem } from "../../components/Problem";
import { words } from "../../words";
import { dayIn, LAST_DAY, roomIn } from "./form";
import { useOpenRoom } from "./room";

/** Opens a room. */
export function RoomForm({ onOpened }: { onOpened: (id: number) => void }) {
  const say = words.rooms.form;
  const open = useOpenRoom();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    open.mutate(roomIn(new FormData(event.currentTarget)), { onSuccess: ({ id }) => onOpened(id) });
  };
  return (
    <form className="fields narrow" onSubmit={submit}>
      <label>
        {say.title}
        <input name="title" required maxLength={120} autoComplete="off" autoFocus />
        <span className="muted">{say.titleHint}</span>
      </label>
      <Template />
      <Models />
      <fieldset>
        <legend>{say.limits}</legend>
        <p className="muted">{say.limitsHint}</p>
        <div className="limits">
          <label>
            {say.tokens}
            <input name="tokens_per_day" type="number" min={1} step={1} inputMode="numeric" />
          </label>
          <label>
            {say.requests}
            <input name="requests_per_minute" type="number" min={1} step={1} inputMode="numeric" />
          </label>
          <label>
            {say.minutes}
            <input name="minutes" type="number" min={1} max={1440} step={1} inputMode="numeric" />
          </label>
        </div>
      </fieldset>
      <Task />
      <label>
        {say.until}
        <input name="until" type="date" required min={dayIn(0)} max={dayIn(LAST_DAY)} defaultValue={dayIn(7)} />
        <span className="muted">{say.untilHint}</span>
      </label>
      <label className="check">
        <input type="checkbox" name="shows_others" />
        {say.showsOthers}
      </label>
      <Problem of={open.error} />
      <button type="submit" className="primary" disabled={open.isPending}>
        {say.open}
      </button>
    </form>
  );
}

function Template() {
  const say = words.rooms.form;
  const all = useQuery(templates).data ?? [];
  return (
    <label>
      {say.template}
      <select name="template">
        <option value="">{say.noTemplate}</option>
        {all
          .filter(({ is_active }) => is_active)
          .map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
      </select>
      <span className="muted">{say.templateHint}</span>
    </label>
  );
}

/** The models of the room; a choice only where there are several. */
function Models() {
  const say = words.rooms.form;
  const { data } = useQuery(models);
  if (data === undefined || data.models.length < 2) return null;
  return (
    <fieldset>
      <legend>{say.models}</legend>
      <p className="muted">{say.modelsHint}</p>
      {data.models.map(({ name }) => (
        <label key={name} className="check">
          <input type="checkbox" name="model" value={name} />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

function Task() {
  const say = words.rooms.form;
  const mazes = useQuery(mazeSets).data ?? [];
  const labs = useQuery(labSets).data ?? [];
  return (
    <label>
      {say.task}
      <select name="task">
        <option value="">{say.noTask}</option>
        {mazes.length > 0 && (
          <optgroup label={say.mazes}>
            {mazes.map(({ name, title }) => (
              <option key={name} value={`maze ${name}`}>
                {title}
              </option>
            ))}
          </optgroup>
        )}
        {labs.length > 0 && (
          <optgroup label={say.labs}>
            {labs.map(({ id, title }) => (
              <option key={id} value={`lab ${id}`}>
                {title}
              </option>
            ))}
          </optgroup>
        )}
      </select>
      <span className="muted">{say.taskHint}</span>
    </label>
  );
}
