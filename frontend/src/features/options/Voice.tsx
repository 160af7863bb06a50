import { useSyncExternalStore } from "react";

import { GATEWAY, OF_BROWSER, speech } from "../../stores/speech";
import { speechChoices } from "../../stores/speech-settings";
import { words } from "../../words";
import { Field } from "./Field";
import { Slider } from "./numbers";

const SLOWEST = 0.5;
const FASTEST = 2;
const STEP = 0.1;

/** How replies are read aloud in a conversation; without one, in all. Not there where nobody can speak. */
export function Voice({ session }: { session: number | null }) {
  const canSpeak = useSyncExternalStore(speech.subscribe, () => speech.canSpeak);
  const chosen = useSyncExternalStore(speechChoices.subscribe, () => speechChoices.chosen(session));
  const inForce = useSyncExternalStore(speechChoices.subscribe, () => speechChoices.of(session));
  const change = (changes: Parameters<typeof speechChoices.change>[1]): void => speechChoices.change(session, changes);
  if (!canSpeak) return null;
  return (
    <section className="fields" aria-label={words.speech.title}>
      <h3>{words.speech.title}</h3>
      <label className="check">
        <input type="checkbox" checked={inForce.auto} onChange={(event) => change({ auto: event.currentTarget.checked })} />
        {words.speech.auto}
      </label>
      <Slider
        id="speech-speed"
        label={words.speech.speed}
        hint={words.speech.speedHint}
        min={SLOWEST}
        max={FASTEST}
        step={STEP}
        value={chosen.speed ?? null}
        otherwise={inForce.speed}
        onChange={(speed) => change({ speed: speed ?? undefined })}
      />
      <Field
        id="speech-voice"
        label={words.speech.voice}
        hint={words.speech.voiceHint}
        isSet={chosen.voice !== undefined}
        onReset={() => change({ voice: undefined })}
      >
        <select
          id="speech-voice"
          value={inForce.voice}
          aria-describedby="speech-voice-hint"
          onChange={(event) => change({ voice: event.currentTarget.value })}
        >
          <option value="">{words.speech.bestVoice}</option>
          {speech.offered.speech && <option value={GATEWAY}>{words.speech.gatewayVoice}</option>}
          {speech.voices.map(({ voiceURI, name, lang }) => (
            <option key={voiceURI} value={OF_BROWSER + voiceURI}>
              {words.speech.browserVoice(name, lang)}
            </option>
          ))}
        </select>
      </Field>
      <p className="muted">{session === null ? words.speech.forAll : words.speech.forThis}</p>
    </section>
  );
}
