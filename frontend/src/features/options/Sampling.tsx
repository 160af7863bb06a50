import { useQuery } from "@tanstack/react-query";

import { models } from "../../api/queries";
import { SETTINGS } from "../../api/sampling.gen";
import type { SessionChanges, SessionSettings } from "../../api/schema";
import { words } from "../../words";
import { NumberField, Slider } from "./numbers";
import { Lines, type ResponseFormat, Schema } from "./texts";
import { Thinking, type Reasoning } from "./Thinking";

interface Props {
  values: SessionSettings;
  change: (changes: SessionChanges) => void;
}

/** How the model picks its words: one control for each setting of the table, the default until somebody chooses. */
export function Sampling({ values, change }: Props) {
  const defaults = useQuery(models).data?.sampling as Readonly<Record<string, unknown>> | undefined;
  const control = (setting: Setting) => (
    <Control
      key={setting.name}
      setting={setting}
      value={values[setting.name] ?? null}
      otherwise={defaults?.[setting.name] ?? null}
      onChange={(value) => change({ [setting.name]: value })}
    />
  );
  const [common, rare] = [SETTINGS.filter(({ isCommon }) => isCommon), SETTINGS.filter(({ isCommon }) => !isCommon)];
  return (
    <>
      {common.map(control)}
      <details open={rare.some(({ name }) => values[name] != null) || undefined}>
        <summary>{words.sampling.more}</summary>
        <div className="fields">{rare.map(control)}</div>
      </details>
    </>
  );
}

type Setting = (typeof SETTINGS)[number];

interface ControlProps {
  setting: Setting;
  /** Null: nobody chose. */
  value: unknown;
  /** What holds then, where the gateway says. */
  otherwise: unknown;
  onChange: (value: unknown) => void;
}

function Control({ setting, value, otherwise, onChange }: ControlProps) {
  const shared = { id: `sampling-${setting.name}`, ...words.sampling.settings[setting.name], onChange };
  switch (setting.control) {
    case "slider":
      return <Slider {...shared} {...setting} value={value as number | null} otherwise={otherwise as number | null} />;
    case "number":
      return <NumberField {...shared} {...setting} value={value as number | null} otherwise={otherwise as number | null} />;
    case "lines":
      return <Lines {...shared} value={value as string[] | null} />;
    case "schema":
      return <Schema {...shared} value={value as ResponseFormat | null} />;
    case "reasoning":
      return <Thinking {...shared} value={value as Reasoning | null} otherwise={otherwise as Reasoning | null} />;
  }
}
